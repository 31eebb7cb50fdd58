using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;

namespace Chariot.SystemTests.Ssl;

/// <summary>The openssl.cnf that a deployment may use; without it the groups are OpenSSL's.</summary>
public sealed class OpenSslConfigurationTests
{
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task ShippedFile_PinsTheGroups(bool used, bool takesP521)
    {
        using var certificates = new TestCertificates();
        using var directory = new TempDirectory();
        var root = directory.Write("root.crt", certificates.RootPem);
        var options = BrokerOptions.AllowAnonymous;
        if (used)
        {
            options = options with { Environment = new Dictionary<string, string> { ["OPENSSL_CONF"] = Path.Combine(Repository.Root, "deploy", "openssl.cnf") } };
        }

        await using var broker = await BrokerProcess.StartAsync(options);
        (await broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();

        foreach (var port in new[] { broker.Ports.Mqtts, broker.Ports.Https })
        {
            foreach (var version in new[] { "-tls1_2", "-tls1_3" })
            {
                Assert.True(await ConnectsAsync(port, "P-256", version), $"P-256 {version} on {port}");
                Assert.True(await ConnectsAsync(port, "X25519", version), $"X25519 {version} on {port}");
                Assert.Equal(takesP521, await ConnectsAsync(port, "P-521", version));
            }
        }

        async Task<bool> ConnectsAsync(int port, string group, string version) =>
            (await Command.RunAsync("openssl", "s_client", "-connect", $"127.0.0.1:{port}", "-servername", "localhost", "-verify_return_error", "-verify_hostname", "localhost", "-CAfile", root, "-groups", group, version)).ExitCode == 0;
    }
}
