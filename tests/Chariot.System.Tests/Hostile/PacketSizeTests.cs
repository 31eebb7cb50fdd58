using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

public class PacketSizeTests(PacketSizeTests.Fixture fixture) : IClassFixture<PacketSizeTests.Fixture>
{
    private const int Maximum = 4096;

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task Packet_UpToTheMaximum_IsAccepted_TheWholePacketCounted(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync("size", 1);
        foreach (var size in new[] { Maximum - 1, Maximum })
        {
            await client.SendAsync(PublishOf(version, size));
            Assert.True((await client.WaitForAsync(PacketType.PubAck)).Reason < 0x80);
            await client.ReadPublishAsync();
        }
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task Packet_AboveTheMaximum_EndsTheConnection(MqttVersion version)
    {
        await Hostility.IsEndedAsync(fixture.Port, version, PublishOf(version, Maximum + 1), 0x95);
    }

    [Fact]
    public async Task Maximum_IsAnnouncedInConnAck()
    {
        await using var client = await ConnectAsync(MqttVersion.V500);

        Assert.Equal((uint)Maximum, client.ConnAck!.Property(PropertyId.MaximumPacketSize));
    }

    private Task<RawMqttClient> ConnectAsync(MqttVersion version) =>
        RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("size") });

    private static byte[] PublishOf(MqttVersion version, int size)
    {
        var overhead = Packets.Publish(version, "size", new byte[1000], 1, 1).Length - 1000;
        var packet = Packets.Publish(version, "size", new byte[size - overhead], 1, 1);
        Assert.Equal(size, packet.Length);
        return packet;
    }

    public sealed class Fixture : BrokerFixture
    {
        public override async Task InitializeAsync()
        {
            await base.InitializeAsync();
            (await Broker.Admin.ChangeMqttSettingsAsync(settings =>
            {
                settings["limits"]!["maximumPacketSize"] = Maximum;
                settings["limits"]!["maximumConnectSize"] = Maximum;
            })).EnsureSuccess();
        }
    }
}
