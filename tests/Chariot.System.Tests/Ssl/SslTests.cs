using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Ssl;

/// <summary>Set up, serve, replace, delete: over the API, seen with openssl and from plain clients.</summary>
public sealed class SslTests : IAsyncLifetime, IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly TempDirectory _directory = new();
    private BrokerProcess? _broker;

    private BrokerProcess Broker => _broker!;

    public async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);

    public async Task DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    public void Dispose()
    {
        _certificates.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Setup_ServesLeafAndIntermediate_OnMqttsAndHttps_WhateverTheOrderOfTheFile(bool pkcs8, bool rootFirst)
    {
        var chain = rootFirst ? _certificates.RootPem + _certificates.IntermediatePem : _certificates.ChainPem;

        var answer = await Broker.Admin.PutSslAsync(pkcs8 ? _certificates.KeyPkcs8Pem : _certificates.KeyPkcs1Pem, _certificates.ServerPem, chain);

        answer.EnsureSuccess();
        Assert.Equal("Setup", (string?)answer.Body!["state"]);
        Assert.Equal(_certificates.ServerFingerprint, (string?)answer.Body["certificate"]!["sha256Fingerprint"]);
        Assert.Equal("server.key", (string?)answer.Body["files"]!["privateKey"]!["fileName"]);
        await IsServedAsync(_certificates);
    }

    [Fact]
    public async Task StagedFiles_AreSetUpTogether()
    {
        var admin = Broker.Admin;
        (await admin.StageAsync("private-key", _certificates.KeyPkcs1Pem, "plant.key")).EnsureSuccess();
        (await admin.StageAsync("server-certificate", _certificates.ServerPem, "plant.crt")).EnsureSuccess();
        (await admin.StageAsync("ca-chain", _certificates.ChainPem, "plant-chain.crt")).EnsureSuccess();
        Assert.Equal("Staged", (string?)(await admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);

        (await admin.PostAsync("ssl/setup")).EnsureSuccess();

        var shown = (await admin.GetAsync("ssl")).EnsureSuccess().Body!;
        Assert.Equal("Setup", (string?)shown["state"]);
        Assert.Equal("plant-chain.crt", (string?)shown["files"]!["caChain"]!["fileName"]);
        await IsServedAsync(_certificates);
        var again = await admin.PostAsync("ssl/setup");
        Assert.Equal((HttpStatusCode.Conflict, "already-set-up"), (again.Status, again.Problem));
    }

    [Fact]
    public async Task Mqtt_WorksOverTls_WithHostNameVerification()
    {
        await SetUpAsync(_certificates);

        await using var client = await RawMqttClient.ConnectAsync(Broker.Ports.Mqtts, new ConnectPacket { ClientId = "tls" }, _certificates.Root);
        await client.SubscribeAsync("secure/#", 2);
        await using var plain = await RawMqttClient.ConnectAsync(Broker.Ports.Mqtt, new ConnectPacket { ClientId = "plain" });
        await plain.PublishAsync("secure/topic", "across", 2);

        Assert.Equal("across", (await client.ReadPublishAsync()).PayloadText);
        Assert.Equal(_certificates.ServerFingerprint, Convert.ToHexStringLower(SHA256.HashData(client.ServerCertificate!.RawData)));
    }

    [Fact]
    public async Task AdminApi_WorksOverHttps_WithTheSameCertificate()
    {
        await SetUpAsync(_certificates);

        using var admin = new AdminClient(Broker.Ports.Https, BrokerOptions.DefaultPassword, trustedRoot: _certificates.Root);
        var shown = (await admin.GetAsync("ssl")).EnsureSuccess();

        Assert.Equal("Setup", (string?)shown.Body!["state"]);
        Assert.Equal(_certificates.ServerFingerprint, (string?)shown.Body["nodes"]![0]!["servedFingerprint"]);
        (await admin.DeleteAsync("ssl")).EnsureSuccess();
        await IsClosedAsync();
    }

    [Fact]
    public async Task Delete_ClosesThePorts_EndsTlsClients_AndLeavesPlainOnesAlone()
    {
        await SetUpAsync(_certificates);
        await using var traffic = await Traffic.StartAsync(
            Broker.Ports.Mqtt, "plain", 2000, new ConnectPacket { ClientId = "p", KeepAlive = 0 }, new ConnectPacket { ClientId = "s", KeepAlive = 0 });
        await using var tls = await RawMqttClient.ConnectAsync(Broker.Ports.Mqtts, new ConnectPacket { ClientId = "tls" }, _certificates.Root);
        await traffic.FlowAsync(500);

        Assert.Equal(HttpStatusCode.NoContent, (await Broker.Admin.DeleteAsync("ssl")).Status);

        await IsClosedAsync();
        Assert.Equal(0x98, (await tls.ReadToCloseAsync())?.Reason);
        Assert.Equal(HttpStatusCode.NoContent, (await Broker.Admin.DeleteAsync("ssl")).Status);
        Assert.Equal("NotSetup", (string?)(await Broker.Admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
        await traffic.FlowAsync(500);
        var sent = await traffic.StopAsync();
        Assert.Equal(Enumerable.Range(0, (int)sent).Select(i => (long)i), traffic.Received.Select(message => message.Sequence));
    }

    [Fact]
    public async Task Rounds_OfSetupAndDelete_UnderPlainTraffic_LoseNothing()
    {
        const int Rate = 2000;
        var rounds = Drill.Pick(3, 20);
        await using var traffic = await Traffic.StartAsync(
            Broker.Ports.Mqtt, "plain", Rate, new ConnectPacket { ClientId = "p", KeepAlive = 0 }, new ConnectPacket { ClientId = "s", KeepAlive = 0 });
        for (var round = 0; round < rounds; round++)
        {
            await SetUpAsync(_certificates);
            await IsServedAsync(_certificates);
            await traffic.FlowAsync(Rate / 4);
            (await Broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
            await IsClosedAsync();
        }

        var sent = await traffic.StopAsync();
        var received = traffic.Received;
        Drill.Report($"ssl rounds: {rounds} at {Rate} msg/s, sent {sent}, lost {sent - received.Count}, disconnects 0");
        Assert.Equal(Enumerable.Range(0, (int)sent).Select(i => (long)i), received.Select(message => message.Sequence));
    }

    [Fact]
    public async Task Replace_ServesTheNewCertificate_AndDropsNobody()
    {
        using var next = new TestCertificates();
        await SetUpAsync(_certificates);
        await using var tls = await RawMqttClient.ConnectAsync(Broker.Ports.Mqtts, new ConnectPacket { ClientId = "tls" }, _certificates.Root);

        await SetUpAsync(next);

        await IsServedAsync(next);
        await tls.SubscribeAsync("still/here");
        await tls.PublishAsync("still/here", "yes");
        Assert.Equal("yes", (await tls.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task State_SurvivesARestart(bool orderly)
    {
        await SetUpAsync(_certificates);
        await RestartAsync(orderly);
        await IsServedAsync(_certificates);
        Assert.Equal("server.crt", (string?)(await Broker.Admin.GetAsync("ssl")).EnsureSuccess().Body!["files"]!["serverCertificate"]!["fileName"]);

        (await Broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
        await RestartAsync(orderly);
        await IsClosedAsync();
        Assert.Equal("NotSetup", (string?)(await Broker.Admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
    }

    [Fact]
    public async Task BadFiles_AreRefusedWithAllFindings_AndChangeNothing()
    {
        using var other = new TestCertificates();
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        var ec = await Broker.Admin.PutSslAsync(curve.ExportPkcs8PrivateKeyPem(), _certificates.ServerPem, _certificates.ChainPem);
        Assert.Equal(HttpStatusCode.BadRequest, ec.Status);
        Assert.Contains("key.not-rsa", ec.Text, StringComparison.Ordinal);

        var mismatch = await Broker.Admin.PutSslAsync(other.KeyPkcs8Pem, _certificates.ServerPem, other.ChainPem);
        Assert.Equal(HttpStatusCode.BadRequest, mismatch.Status);
        var codes = mismatch.Body!["findings"]!.AsArray().Select(finding => (string?)finding!["code"]).ToArray();
        Assert.Contains("bundle.key-mismatch", codes);

        // The other authority has the same names: a name is not proof.
        Assert.Contains("chain.bad-signature", codes);

        Assert.Equal("NotSetup", (string?)(await Broker.Admin.GetAsync("ssl")).EnsureSuccess().Body!["state"]);
        await IsClosedAsync();
    }

    private async Task RestartAsync(bool orderly)
    {
        if (!orderly)
        {
            await Broker.Kill9Async();
            await Broker.StartAgainAsync();
            return;
        }

        await Broker.RestartAsync();
    }

    private async Task SetUpAsync(TestCertificates certificates) =>
        (await Broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();

    private async Task IsServedAsync(TestCertificates certificates)
    {
        var root = _directory.Write("root.crt", certificates.RootPem);
        string[] expected = [certificates.ServerFingerprint, Convert.ToHexStringLower(SHA256.HashData(certificates.Intermediate.RawData))];
        foreach (var port in new[] { Broker.Ports.Mqtts, Broker.Ports.Https })
        {
            var served = await ServedChain.FetchAsync(port, root);
            Assert.Equal(expected, served.Fingerprints);
            Assert.True(served.Verified, $"port {port}");
        }
    }

    private async Task IsClosedAsync()
    {
        foreach (var port in new[] { Broker.Ports.Mqtts, Broker.Ports.Https })
        {
            // The listener closes after the answer to a Delete that came through it.
            await Eventually.TrueAsync(
                async () =>
                {
                    using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    try
                    {
                        await socket.ConnectAsync(IPAddress.Loopback, port);
                        return false;
                    }
                    catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
                    {
                        return true;
                    }
                },
                $"port {port} refuses", 3);
        }
    }
}
