using System.Net.WebSockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Chariot.SystemTests.WebSocket;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClientCertificates;

/// <summary>A broker that serves TLS and trusts two client CAs: a root, and an intermediate below another root.</summary>
public sealed class ClientCertificateFixture : BrokerFixture, IDisposable
{
    public TestCertificates Server { get; } = new();

    public TestClientAuthority Root { get; } = new("Plant Client Root");

    public TestClientAuthority OtherRoot { get; } = new("Other Client Root");

    public TestClientAuthority Intermediate { get; private set; } = null!;

    /// <summary>A CA that nobody uploaded.</summary>
    public TestClientAuthority Stranger { get; } = new("Plant Client Root");

    public AdminClient Admin => Broker.Admin;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        Intermediate = new TestClientAuthority("Other Client Intermediate", OtherRoot);
        (await Admin.PutSslAsync(Server.KeyPkcs8Pem, Server.ServerPem, Server.ChainPem)).EnsureSuccess();
        await TrustAsync(Root, OtherRoot, Intermediate);
    }

    public async Task TrustAsync(params TestClientAuthority[] authorities) =>
        (await Admin.PutFileAsync("client-ca", [.. authorities.SelectMany(authority => authority.PemBytes)], "clients.pem")).EnsureSuccess();

    public async Task SetPolicyAsync(string policy) => (await Admin.ChangeMqttSettingsAsync(settings => settings["clientCertificates"] = policy)).EnsureSuccess();

    public Task<AdminAnswer> MapAsync(params object[] mappings) => Admin.PutAsync("client-certificates/mapping", mappings);

    /// <summary>Connects over 8883 with a certificate, or with none.</summary>
    public Task<RawMqttClient> ConnectAsync(string clientId, X509Certificate2? certificate = null, string? username = null, string? password = null, params TestClientAuthority[] sent) => RawMqttClient.ConnectAsync(
        Broker.Ports.Mqtts, new ConnectPacket { ClientId = clientId, Username = username, Password = password }, Server.Root, certificate is null ? null : TestClientAuthority.Present(certificate, sent));

    /// <summary>CONNACK's reason, or null when the handshake failed or the connection closed without CONNACK.</summary>
    public async Task<int?> AnswerAsync(X509Certificate2? certificate, string? username = null, string? password = null, params TestClientAuthority[] sent)
    {
        try
        {
            var (client, answer) = await RawMqttClient.TryConnectAsync(
                Broker.Ports.Mqtts,
                new ConnectPacket { ClientId = Unique.Name("try"), Username = username, Password = password },
                Server.Root,
                certificate is null ? null : TestClientAuthority.Present(certificate, sent));
            await client.DisposeAsync();
            return answer is { Type: PacketType.ConnAck } ? answer.Reason : null;
        }
        catch (Exception error) when (error is AuthenticationException or IOException)
        {
            return null;
        }
    }

    internal async Task<WebSocketMqtt> ConnectWebSocketAsync(string clientId, X509Certificate2? certificate = null)
    {
        var client = await WebSocketMqtt.DialAsync(Broker.Ports.Wss, trustedRoot: Server.Root, configure: options =>
        {
            if (certificate is not null)
            {
                options.ClientCertificates.Add(certificate);
            }
        });
        await client.SendAsync(new ConnectPacket { ClientId = clientId }.Encode());
        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync())?.Type);
        return client;
    }

    internal async Task<bool> IsRefusedOverWebSocketAsync(X509Certificate2? certificate)
    {
        try
        {
            using var client = await ConnectWebSocketAsync(Unique.Name("try"), certificate);
            return false;
        }
        catch (WebSocketException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        Server.Dispose();
        Root.Dispose();
        OtherRoot.Dispose();
        Intermediate?.Dispose();
        Stranger.Dispose();
    }

    /// <summary>A client that is to stay answers PINGREQ.</summary>
    public static async Task IsAliveAsync(RawMqttClient client)
    {
        await client.SendAsync(Packets.PingReq);
        Assert.Equal(PacketType.PingResp, (await client.ReadAsync())?.Type);
    }

    internal static async Task IsAliveAsync(WebSocketMqtt client)
    {
        await client.SendAsync(Packets.PingReq);
        Assert.Equal(PacketType.PingResp, (await client.ReadAsync())?.Type);
    }

    /// <summary>It was told 0x87 and closed, by the time the API answered: what is to be read is there.</summary>
    public static async Task IsClosedAsync(RawMqttClient client)
    {
        var last = await client.ReadToCloseAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((PacketType.Disconnect, 0x87), (last!.Type, last.Reason));
    }

    internal static async Task IsClosedAsync(WebSocketMqtt client)
    {
        var last = await client.ReadAsync().WaitAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((PacketType.Disconnect, 0x87), (last!.Type, last.Reason));
        Assert.Null(await client.ReadAsync().WaitAsync(TimeSpan.FromSeconds(2)));
    }
}
