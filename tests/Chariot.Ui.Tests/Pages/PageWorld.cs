using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Status;

namespace Chariot.Ui.Tests.Pages;

/// <summary>The broker behind the table of pages: as it was installed, then in use.</summary>
public sealed class PageWorld : IAsyncLifetime, IDisposable
{
    private const int Lines = 40;
    private const int Clients = 40;

    private static readonly string[] Everything = ["#"];
    private static readonly string[] Lobby = ["lobby/#"];
    private static readonly string[] Nothing = [];
    private static readonly string[] Serials = ["7f0001", "7f0002"];
    private static readonly string[] LinePublish = ["plant/%c/#", "!plant/secret", "plant/+/speed"];

    private readonly List<IAsyncDisposable> _clients = [];
    private BrokerProcess? _broker;

    public BrokerProcess Broker => _broker ?? throw new InvalidOperationException("not started");

    /// <summary>What is, or will be, set up.</summary>
    public TestCertificates Server { get; } = new();

    public async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync();

    /// <summary>Puts the broker in use, on every page.</summary>
    public async Task FillAsync()
    {
        var admin = Broker.Admin;
        for (var i = 0; i < Lines; i++)
        {
            (await admin.PostAsync("credentials", new { username = $"line-{i:00}", publishAcl = LinePublish, subscribeAcl = Everything, enabled = i % 9 != 8 })).EnsureSuccess();
        }

        await admin.CreateCredentialAsync("guests", "a password", Lobby, Lobby);
        await admin.CreateCredentialAsync("press", "a password", Everything, Everything);
        (await admin.PostAsync("credentials", new { username = "idle", publishAcl = Nothing, subscribeAcl = Nothing })).EnsureSuccess();
        await admin.SetAnonymousAsync(true, "guests");
        (await admin.PostAsync("accounts", new { username = "vera", password = "only looking here", role = "viewer" })).EnsureSuccess();
        (await admin.PostAsync("tokens", new { name = "monitoring", role = "viewer", expiresAt = DateTimeOffset.UtcNow.AddDays(90) })).EnsureSuccess();
        (await admin.PutSslAsync(Server.KeyPkcs8Pem, Server.ServerPem, Server.ChainPem)).EnsureSuccess();
        await FillClientTrustAsync(admin);
        await FillClientsAsync();
    }

    public async Task DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }

    public void Dispose() => Server.Dispose();

    private static async Task FillClientTrustAsync(AdminClient admin)
    {
        using var authority = new TestClientAuthority();
        using var certificate = authority.Issue("device-1");
        (await admin.PutFileAsync("client-ca", authority.PemBytes, "clients.pem")).EnsureSuccess();
        (await admin.PutAsync("client-certificates/mapping", new[] { new { match = "cn", value = "device-1", username = "press" }, new { match = "san-uri", value = "urn:plant:7", username = "line-07" } })).EnsureSuccess();
        (await admin.PostAsync("client-ca/revoked", new { serialNumbers = Serials })).EnsureSuccess();
        var list = authority.Revoke(3, [certificate], DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddDays(-1));
        (await admin.PutFileAsync("client-ca/crls/" + authority.Sha256, list, "plant.crl")).EnsureSuccess();
    }

    private async Task FillClientsAsync()
    {
        _clients.Add(await Crowd.ConnectAsync(Broker.Ports.Mqtt, Clients, "meter-"));
        var press = await RawMqttClient.ConnectAsync(Broker.Ports.Mqtt, new ConnectPacket
        {
            ClientId = "press/7", Username = "press", Password = "a password", Clean = false, SessionExpiry = 3600,
            WillTopic = "plant/press/7/lost", WillPayload = "lost"u8.ToArray(), WillQos = 1, WillRetain = true,
        });
        _clients.Add(press);
        await press.SubscribeAsync("plant/+/orders", options: 1);
        foreach (var (topic, payload) in new[] { ("plant/press/7/state", """{"state":"running","since":"06:00"}"""), ("plant/press/state", """{"state":"running","faults":[]}"""), ("plant/oven/temperature", "71.5") })
        {
            await press.SendAsync(Packets.Publish(press.Version, topic, System.Text.Encoding.UTF8.GetBytes(payload), qos: 1, packetId: press.NextPacketId(), retain: true));
            await press.WaitForAsync(PacketType.PubAck);
        }
    }
}
