using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Chariot.SystemTests.Ssl;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using MQTTnet;
using MQTTnet.Protocol;

namespace Chariot.SystemTests.Interoperation;

/// <summary>
/// Clients that others wrote, over both ports for TLS and both versions: chain and host name verified, a QoS 1 round trip; and each
/// of them turns away from another CA and from another host name.
/// </summary>
public class InteroperationTests(SslFixture fixture) : IClassFixture<SslFixture>
{
    // All of 127/8 is this machine; the certificate names 127.0.0.1 only.
    private const string OtherHost = "127.0.0.2";

    private static string Folder => Path.Combine(Repository.Root, "tests", "Chariot.System.Tests", "Interoperation");

    private static string Modules => Path.Combine(Repository.Root, "tests", "npm", "node_modules");

    public static TheoryData<string, string> Versions => new() { { "mqtts", "1.2" }, { "mqtts", "1.3" }, { "wss", "1.2" }, { "wss", "1.3" } };

    [Theory]
    [InlineData("1.2")]
    [InlineData("1.3")]
    public async Task OpenSsl_VerifiesAndConnects(string version)
    {
        // CONNECT of client "ossl", MQTT 3.1.1, clean session; CONNACK comes back.
        const string Connect = @"printf '\020\020\000\004MQTT\004\002\000\074\000\004ossl'; sleep 1";
        var tls = "-tls" + version.Replace('.', '_');

        var talk = (await fixture.TalkAsync("mqtts", Connect, tls, "-quiet", "-no_ign_eof", "-verify_return_error", "|", "od", "-An", "-tx1")).EnsureSuccess();
        Assert.Equal("20 02 00 00", talk.Output.Trim());

        foreach (var port in new[] { "mqtts", "wss" })
        {
            Assert.Contains("Verification: OK", (await fixture.HandshakeAsync(port, tls, "-verify_return_error")).EnsureSuccess().Output, StringComparison.Ordinal);
            Assert.NotEqual(0, (await fixture.HandshakeAsync(port, tls, "-verify_return_error", "-CAfile", fixture.StrangersFile)).ExitCode);
            Assert.NotEqual(0, (await fixture.HandshakeAsync(port, tls, "-verify_return_error", "-verify_hostname", "other.example")).ExitCode);
        }
    }

    [Theory]
    [InlineData("1.2")]
    [InlineData("1.3")]
    public async Task Mosquitto_VerifiesPublishesAndReceives(string version)
    {
        var topic = Unique.Name("mosquitto");
        var receiving = RunAsync("mosquitto_sub", "localhost", fixture.RootFile, version, "-q", "1", "-t", topic, "-C", "1", "-W", "30");

        // Retained, so that it arrives whoever is first.
        Assert.Equal(0, (await RunAsync("mosquitto_pub", "localhost", fixture.RootFile, version, "-q", "1", "-t", topic, "-m", "hello", "-r")).ExitCode);
        Assert.Equal("hello", (await receiving).EnsureSuccess().Output.Trim());

        Assert.NotEqual(0, (await RunAsync("mosquitto_pub", "localhost", fixture.StrangersFile, version, "-t", topic, "-m", "x")).ExitCode);
        Assert.NotEqual(0, (await RunAsync("mosquitto_pub", OtherHost, fixture.RootFile, version, "-t", topic, "-m", "x")).ExitCode);
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task Paho_VerifiesPublishesAndReceives(string port, string version)
    {
        var transport = port == "wss" ? "websockets" : "tcp";
        Task<CommandResult> Run(string host, string root) => Command.RunAsync(
            "/usr/bin/python3", [Path.Combine(Folder, "paho_roundtrip.py"), transport, host, $"{fixture.PortOf(port)}", root, version, Unique.Name("paho"), "hello"], null, 60);

        Assert.Equal("received hello", (await Run("localhost", fixture.RootFile)).EnsureSuccess().Output.Trim());
        IsRefused(await Run("localhost", fixture.StrangersFile));
        IsRefused(await Run(OtherHost, fixture.RootFile));
    }

    [Theory, MemberData(nameof(Versions))]
    public async Task MqttJs_VerifiesPublishesAndReceives(string port, string version)
    {
        Task<CommandResult> Run(string host, string root) => Command.RunAsync(
            "node", [Path.Combine(Folder, "mqttjs_roundtrip.js"), Modules, port, host, $"{fixture.PortOf(port)}", root, version, Unique.Name("js"), "hello"], null, 60);

        Assert.Equal("received hello", (await Run("localhost", fixture.RootFile)).EnsureSuccess().Output.Trim());
        IsRefused(await Run("localhost", fixture.StrangersFile));
        IsRefused(await Run(OtherHost, fixture.RootFile));
    }

    /// <summary>Over WebSocket it takes the version that both like best: its channel passes none on.</summary>
    [Theory, MemberData(nameof(Versions))]
    public async Task MqttNet_VerifiesPublishesAndReceives(string port, string version)
    {
        Assert.Equal("hello", await RoundTripAsync("localhost", fixture.Certificates.Root));
        await Assert.ThrowsAnyAsync<Exception>(() => RoundTripAsync("localhost", fixture.Strangers.Root));
        await Assert.ThrowsAnyAsync<Exception>(() => RoundTripAsync(OtherHost, fixture.Certificates.Root));

        async Task<string> RoundTripAsync(string host, X509Certificate2 root)
        {
            using var client = new MqttClientFactory().CreateMqttClient();
            var received = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            client.ApplicationMessageReceivedAsync += message =>
            {
                received.TrySetResult(message.ApplicationMessage.ConvertPayloadToString()!);
                return Task.CompletedTask;
            };
            var topic = Unique.Name("net");
            var options = new MqttClientOptionsBuilder().WithClientId(topic);
            options = port == "wss"
                ? options.WithWebSocketServer(server => server.WithUri($"wss://{host}:{fixture.Ports.Wss}/mqtt"))
                : options.WithTcpServer(host, fixture.Ports.Mqtts);
#pragma warning disable CA5398 // The version is what is tested.
            options = options.WithTlsOptions(tls => tls
                .WithSslProtocols(version == "1.2" ? SslProtocols.Tls12 : SslProtocols.Tls13)
                .WithCertificateValidationHandler(seen => Trusts(root, seen)));
#pragma warning restore CA5398
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            await client.ConnectAsync(options.Build(), deadline.Token);
            await client.SubscribeAsync(topic, MqttQualityOfServiceLevel.AtLeastOnce, deadline.Token);
            await client.PublishStringAsync(topic, "hello", MqttQualityOfServiceLevel.AtLeastOnce, cancellationToken: deadline.Token);
            var payload = await received.Task.WaitAsync(deadline.Token);
            await client.DisconnectAsync(cancellationToken: deadline.Token);
            return payload;
        }
    }

    private static bool Trusts(X509Certificate2 root, MqttClientCertificateValidationEventArgs seen)
    {
        if ((seen.SslPolicyErrors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0 || seen.Certificate is not X509Certificate2 leaf)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.ExtraStore.AddRange(seen.Chain.ChainPolicy.ExtraStore);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(leaf);
    }

    private static void IsRefused(CommandResult result)
    {
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("refused", result.Output, StringComparison.Ordinal);
    }

    private Task<CommandResult> RunAsync(string tool, string host, string root, string version, params string[] more) => Command.RunAsync(
        tool, ["-h", host, "-p", $"{fixture.Ports.Mqtts}", "--cafile", root, "--tls-version", "tlsv" + version, .. more], null, 60);
}
