using System.Text.RegularExpressions;
using Chariot.TestKit;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.Walk;

/// <summary>The five-minute walk of README.md, its commands as written there.</summary>
public partial class WalkTests
{
    private const string Password = "my-first-password";

    [Fact]
    public async Task Readme_WalksFromNothingToAnEncryptedPublish()
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"));
        var section = readme[readme.IndexOf("## Five minutes", StringComparison.Ordinal)..];
        Assert.Contains("CHARIOT_ADMIN_PASSWORD=" + Password, section, StringComparison.Ordinal);
        var commands = string.Join('\n', BashBlock().Matches(section).Select(match => match.Groups[1].Value));
        await using var broker = await BrokerProcess.StartAsync(new BrokerOptions { AdminPassword = Password });
        using var directory = new TempDirectory();
        var script = directory.Write("walk.sh", "set -euo pipefail\n" + UsePortsOf(broker.Ports, commands));

        var result = (await Command.RunAsync("bash", [script], directory.Path, 60)).EnsureSuccess();

        var lines = result.Output.Split('\n');

        // curl ends its answers without a line end.
        Assert.Contains(lines, line => line.EndsWith("running", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.EndsWith("running, encrypted", StringComparison.Ordinal));
        Assert.Contains("\"state\":\"Setup\"", result.Output, StringComparison.Ordinal);
        Assert.Contains("\"NotSetup\"", (await broker.Admin.GetAsync("ssl")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MosquittoClients_AreRefused_WithAnotherRootOrAnotherHostName()
    {
        using var certificates = new TestKit.Certificates.TestCertificates();
        using var strangers = new TestKit.Certificates.TestCertificates();
        using var directory = new TempDirectory();

        // All of 127/8 is this machine, but the certificate names 127.0.0.1 alone.
        await using var broker = await BrokerProcess.StartAsync(new BrokerOptions
        {
            Configuration = new Dictionary<string, string> { ["Chariot:Bootstrap:AllowAnonymous"] = "true", ["Chariot:Mqtt:BindAddress"] = "0.0.0.0" },
        });
        (await broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();

        Assert.Equal(0, await PublishAsync("localhost", certificates.RootPem));
        Assert.Equal(0, await PublishAsync("127.0.0.1", certificates.RootPem));
        Assert.NotEqual(0, await PublishAsync("localhost", strangers.RootPem));
        Assert.NotEqual(0, await PublishAsync("127.0.0.2", certificates.RootPem));
        Assert.Equal(0, await PublishAsync("127.0.0.2", certificates.RootPem, "--insecure"));

        async Task<int> PublishAsync(string host, string root, params string[] more) => (await Command.RunAsync(
            "mosquitto_pub",
            ["-h", host, "-p", $"{broker.Ports.Mqtts}", "--cafile", directory.Write("root.crt", root), "-q", "1", "-t", "a", "-m", "x", .. more])).ExitCode;
    }

    private static string UsePortsOf(BrokerPorts ports, string commands) => StandardPort().Replace(commands, match => match.Value switch
    {
        "1883" => $"{ports.Mqtt}",
        "8883" => $"{ports.Mqtts}",
        "8080" => $"{ports.Http}",
        _ => $"{ports.Https}",
    });

    [GeneratedRegex(@"^```bash\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex BashBlock();

    [GeneratedRegex(@"\b(1883|8883|8080|8443)\b")]
    private static partial Regex StandardPort();
}
