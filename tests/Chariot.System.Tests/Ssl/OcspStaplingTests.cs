using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Ssl;

/// <summary>
/// OCSP stapling as a client sees it: nothing by default, the responder's answer when it is switched on, and whatever the
/// responder does, handshakes that go on.
/// </summary>
public sealed class OcspStaplingTests : IAsyncLifetime
{
    private BrokerProcess? _broker;

    private BrokerProcess Broker => _broker!;

    private int[] Ports => [Broker.Ports.Mqtts, Broker.Ports.Wss, Broker.Ports.Https];

    public async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);

    public async Task DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stapling_IsOffByDefault_AndServesTheAnswerWhenItIsOn(bool underRoot)
    {
        using var authority = new RespondingAuthority(underRoot);
        using var issuerAddress = new TcpListener(IPAddress.Loopback, authority.IssuerPort);
        issuerAddress.Start();
        await SetUpAsync(authority);
        authority.StartResponder();
        await using var client = await RawMqttClient.ConnectAsync(Broker.Ports.Mqtt, new ConnectPacket { ClientId = "stays" });
        foreach (var port in Ports)
        {
            Assert.Contains("OCSP response: no response sent", await StatusAsync(port, authority), StringComparison.Ordinal);
        }

        await SetAsync(stapling: true);

        foreach (var port in Ports)
        {
            await Eventually.TrueAsync(async () => (await StatusAsync(port, authority)).Contains("Cert Status: good", StringComparison.Ordinal), $"stapled on {port}", 60);
        }

        Assert.DoesNotContain("ocsp.", (await Broker.Admin.GetAsync("ssl")).EnsureSuccess().Text, StringComparison.Ordinal);
        var row = await RowAsync();
        Assert.Equal("info", (string?)row?["severity"]);
        Assert.True((DateTimeOffset)row!["notAfter"]! > DateTimeOffset.UtcNow.AddHours(12));

        await SetAsync(stapling: false);
        foreach (var port in Ports)
        {
            Assert.Contains("OCSP response: no response sent", await StatusAsync(port, authority), StringComparison.Ordinal);
        }

        await client.SendAsync(Packets.PingReq);
        await client.WaitForAsync(PacketType.PingResp);
        Assert.False(issuerAddress.Pending(), "the issuer was fetched from the address in the certificate");
    }

    [Fact]
    public async Task AResponderThatIsDown_CostsNoHandshakeAnything_IsTold_AndComesBack()
    {
        using var authority = new RespondingAuthority();
        await SetAsync(stapling: true);
        await SetUpAsync(authority);

        await IsServedWithoutAsync(authority);
        await Eventually.TrueAsync(async () => await FindingAsync() is { } finding && (string?)finding["code"] == "ocsp.no-answer", "the finding", 60);
        Assert.Contains("cannot be reached", (string?)(await FindingAsync())!["message"], StringComparison.Ordinal);
        Assert.Equal("warning", (string?)(await RowAsync())?["severity"]);
        Assert.Contains("[3250]", Broker.Output, StringComparison.Ordinal);
        await IsServedWithoutAsync(authority);

        authority.StartResponder();
        await Eventually.TrueAsync(async () => (await StatusAsync(Broker.Ports.Mqtts, authority)).Contains("Cert Status: good", StringComparison.Ordinal), "stapled after the outage", 120);
        await Eventually.TrueAsync(async () => await FindingAsync() is null, "the finding is gone", 60);
    }

    [Fact]
    public async Task AResponderThatNeverAnswers_CostsNoHandshakeAnything_AndIsTold()
    {
        using var authority = new RespondingAuthority();
        using var hanging = new TcpListener(IPAddress.Loopback, authority.Port);
        hanging.Start();
        await SetUpAsync(authority);
        await SetAsync(stapling: true);

        await IsServedWithoutAsync(authority);
        await Eventually.TrueAsync(async () => await FindingAsync() is not null, "the finding", 60);
        Assert.Contains("within 5 s", (string?)(await FindingAsync())!["message"], StringComparison.Ordinal);
        await IsServedWithoutAsync(authority);
    }

    [Fact]
    public async Task ACertificateWithoutAResponder_IsTold()
    {
        using var certificates = new TestKit.Certificates.TestCertificates();
        (await Broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();
        await SetAsync(stapling: true);

        await Eventually.TrueAsync(async () => (string?)(await FindingAsync())?["code"] == "ocsp.no-responder", "the finding", 60);
    }

    private async Task SetUpAsync(RespondingAuthority authority)
    {
        var (key, certificate) = authority.Issue();
        (await Broker.Admin.PutSslAsync(key, certificate, authority.ChainPem)).EnsureSuccess();
    }

    private async Task SetAsync(bool stapling) =>
        (await Broker.Admin.PutAsync("settings/tls", new { minVersion = "1.2", ocspStapling = stapling, handshakeTimeoutSeconds = 10 })).EnsureSuccess();

    private async Task IsServedWithoutAsync(RespondingAuthority authority)
    {
        foreach (var port in Ports)
        {
            // In bounds that a fetch in the handshake would break: the hanging responder never answers.
            var started = System.Diagnostics.Stopwatch.StartNew();
            var status = await StatusAsync(port, authority);
            Assert.Contains("OCSP response: no response sent", status, StringComparison.Ordinal);
            Assert.Contains("Verification: OK", status, StringComparison.Ordinal);
            Assert.True(started.Elapsed < TimeSpan.FromSeconds(5), string.Create(CultureInfo.InvariantCulture, $"port {port}: {started.Elapsed.TotalSeconds:0.0} s"));
        }
    }

    private static async Task<string> StatusAsync(int port, RespondingAuthority authority) => (await Command.RunAsync(
        "openssl", "s_client", "-connect", $"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", authority.RootFile, "-status")).Output;

    private async Task<JsonNode?> FindingAsync() => (await Broker.Admin.GetAsync("ssl")).EnsureSuccess().Body!["findings"]!.AsArray()
        .FirstOrDefault(finding => ((string)finding!["code"]!).StartsWith("ocsp.", StringComparison.Ordinal));

    private async Task<JsonNode?> RowAsync() => (await Broker.Admin.GetAsync("expiry")).EnsureSuccess().Body!.AsArray().FirstOrDefault(row => (string?)row!["kind"] == "ocsp");
}
