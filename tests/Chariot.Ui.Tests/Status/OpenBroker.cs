using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.Ui.Tests.Status;

/// <summary>A broker that anonymous clients may use, for the tests of a class.</summary>
public sealed class OpenBroker : IAsyncLifetime
{
    public const string Viewer = "vera";
    public const string ViewerPassword = "only looking here";

    private BrokerProcess? _process;

    public BrokerProcess Process => _process ?? throw new InvalidOperationException("not started");

    public async Task InitializeAsync()
    {
        _process = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        (await _process.Admin.PostAsync("accounts", new { username = Viewer, password = ViewerPassword, role = "viewer" })).EnsureSuccess();
    }

    public Task<RawMqttClient> ConnectAsync(ConnectPacket connect) => RawMqttClient.ConnectAsync(Process.Ports.Mqtt, connect);

    /// <summary>Retains a message on each topic.</summary>
    public async Task RetainAsync(params (string Topic, byte[] Payload)[] messages)
    {
        await using var client = await ConnectAsync(new ConnectPacket { ClientId = "retainer" });
        foreach (var (topic, payload) in messages)
        {
            var id = client.NextPacketId();
            await client.SendAsync(Packets.Publish(client.Version, topic, payload, qos: 1, packetId: id, retain: true));
            Assert.True((await client.WaitForAsync(PacketType.PubAck)).Reason < 0x80);
        }

        await client.DisconnectAsync();
    }

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }
}
