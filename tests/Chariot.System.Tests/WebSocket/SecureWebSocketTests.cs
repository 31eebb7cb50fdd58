using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Chariot.SystemTests.Ssl;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.WebSocket;

/// <summary>The secure WebSocket port through the life of an SSL setup.</summary>
public sealed class SecureWebSocketTests : IAsyncLifetime, IDisposable
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

    [Fact]
    public async Task Setup_OpensIt_WithTheCertificateOfMqtts_AndDeleteClosesItWithItsSessions()
    {
        Assert.True(await IsRefusedAsync());
        using var plain = await WebSocketMqtt.ConnectAsync(Broker.Ports.Ws, "plain");
        await SetUpAsync(_certificates);

        using var secure = await WebSocketMqtt.ConnectAsync(Broker.Ports.Wss, "secure", _certificates.Root);
        await secure.SubscribeAsync("across/#");
        await plain.SendAsync(Packets.Publish(MqttVersion.V500, "across/both", "hello"));
        Assert.Equal("hello", (await secure.ReadAsync())?.PayloadText);
        Assert.Equal(_certificates.ServerFingerprint, Convert.ToHexStringLower(SHA256.HashData(secure.ServerCertificate!.GetRawCertData())));
        var root = _directory.Write("root.crt", _certificates.RootPem);
        var (ofMqtts, ofWss) = (await ServedChain.FetchAsync(Broker.Ports.Mqtts, root), await ServedChain.FetchAsync(Broker.Ports.Wss, root));
        Assert.Equal(ofMqtts.Fingerprints, ofWss.Fingerprints);
        Assert.True(ofWss.Verified);
        Assert.Contains("\"tls\":true", (await Broker.Admin.GetAsync("clients/secure")).EnsureSuccess().Text, StringComparison.Ordinal);
        Assert.Contains($"wss://127.0.0.1:{Broker.Ports.Wss}/mqtt", (await Broker.Admin.GetAsync("nodes")).EnsureSuccess().Text, StringComparison.Ordinal);

        (await Broker.Admin.DeleteAsync("ssl")).EnsureSuccess();

        Assert.True(await IsRefusedAsync());
        Assert.Equal(0x98, (await secure.ReadAsync())?.Reason);
        Assert.Null(await secure.ReadAsync());
        await plain.SendAsync(Packets.PingReq);
        Assert.Equal(PacketType.PingResp, (await plain.ReadAsync())?.Type);
    }

    [Fact]
    public async Task Replace_ServesTheNewCertificate_AndDropsNobody()
    {
        using var next = new TestCertificates();
        await SetUpAsync(_certificates);
        using var early = await WebSocketMqtt.ConnectAsync(Broker.Ports.Wss, "early", _certificates.Root);

        await SetUpAsync(next);

        using var late = await WebSocketMqtt.ConnectAsync(Broker.Ports.Wss, "late", next.Root);
        await early.SendAsync(Packets.PingReq);
        Assert.Equal(PacketType.PingResp, (await early.ReadAsync())?.Type);
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => WebSocketMqtt.DialAsync(Broker.Ports.Wss, trustedRoot: _certificates.Root));
        Assert.IsType<AuthenticationException>(refused.GetBaseException());
    }

    [Fact]
    public async Task Rounds_OfSetupAndDelete_OpenAndCloseIt()
    {
        for (var round = 0; round < Drill.Pick(3, 20); round++)
        {
            await SetUpAsync(_certificates);
            using var client = await WebSocketMqtt.ConnectAsync(Broker.Ports.Wss, "round", _certificates.Root);
            (await Broker.Admin.DeleteAsync("ssl")).EnsureSuccess();
            Assert.True(await IsRefusedAsync());
        }
    }

    [Fact]
    public async Task State_SurvivesARestart()
    {
        await SetUpAsync(_certificates);
        await Broker.RestartAsync();

        using var client = await WebSocketMqtt.ConnectAsync(Broker.Ports.Wss, "again", _certificates.Root);
    }

    [Fact]
    public async Task Setup_WithThePortInUse_IsRefused_NamesThePort_AndOpensNothing()
    {
        using (var occupant = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            occupant.Bind(new IPEndPoint(IPAddress.Loopback, Broker.Ports.Wss));
            occupant.Listen();

            var answer = await Broker.Admin.PutSslAsync(_certificates.KeyPkcs8Pem, _certificates.ServerPem, _certificates.ChainPem);

            Assert.False((int)answer.Status is >= 200 and < 300, answer.Text);
            Assert.Contains($"{Broker.Ports.Wss}", answer.Text, StringComparison.Ordinal);
            await Assert.ThrowsAsync<SocketException>(() => RawMqttClient.DialAsync(Broker.Ports.Mqtts));
        }

        await SetUpAsync(_certificates);
        using var client = await WebSocketMqtt.ConnectAsync(Broker.Ports.Wss, "free", _certificates.Root);
    }

    private async Task SetUpAsync(TestCertificates certificates) =>
        (await Broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();

    private async Task<bool> IsRefusedAsync()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, Broker.Ports.Wss);
            return false;
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return true;
        }
    }
}
