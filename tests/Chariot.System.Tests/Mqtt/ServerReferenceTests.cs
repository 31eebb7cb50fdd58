using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Mqtt;

/// <summary>Where clients are sent when the broker shuts down (5.0 section 4.11).</summary>
public class ServerReferenceTests
{
    [Fact]
    public async Task ShuttingDown_SendsMqtt5ClientsElsewhere_AndClosesTheOthers()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        (await broker.Admin.ChangeMqttSettingsAsync(settings => settings["serverReference"] = "other.example:1883 third.example:8883")).EnsureSuccess();
        await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "moves" });
        await using var small = await RawMqttClient.ConnectAsync(
            broker.Ports.Mqtt, new ConnectPacket { ClientId = "small", Properties = new PacketBytes().Byte((int)PropertyId.MaximumPacketSize).FourBytes(20) });
        await using var old = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { Version = MqttVersion.V311, ClientId = "old" });

        var stopping = broker.StopAsync();
        var last = await client.ReadToCloseAsync();

        Assert.Equal((PacketType.Disconnect, 0x9C), (last?.Type, last?.Reason));
        Assert.Equal("other.example:1883 third.example:8883", last!.Property(PropertyId.ServerReference));
        // What it does not take is left out [MQTT-3.1.2-24].
        var shortened = await small.ReadToCloseAsync();
        Assert.Equal(0x9C, shortened?.Reason);
        Assert.Null(shortened!.Property(PropertyId.ServerReference));
        Assert.Null(await old.ReadToCloseAsync());
        await client.DisposeAsync();
        await small.DisposeAsync();
        await old.DisposeAsync();
        Assert.Equal(0, await stopping);
    }
}
