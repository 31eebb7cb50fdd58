using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

/// <summary>Packets that no client sends. Each costs its sender the connection, and nobody else anything.</summary>
public class MalformedPacketTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    private const string Malformed = "81";
    private const string ProtocolError = "82";

    [Theory]
    [InlineData("remaining length with a fourth continuation bit", "30FFFFFFFF01", Malformed)]
    [InlineData("topic longer than the packet", "3005006461626300", Malformed)]
    [InlineData("PINGREQ with a body", "C00100", Malformed)]
    [InlineData("CONNACK from a client", "20020000", ProtocolError)]
    [InlineData("SUBACK from a client", "9003000100", ProtocolError)]
    [InlineData("UNSUBACK from a client", "B0020001", ProtocolError)]
    [InlineData("PINGRESP from a client", "D000", ProtocolError)]
    [InlineData("packet type 0", "0000", Malformed)]
    [InlineData("SUBSCRIBE with flags 0", "8006000100016100", Malformed)]
    [InlineData("PUBREL with flags 0", "60020001", Malformed)]
    [InlineData("UNSUBSCRIBE with flags 0", "A005000100016100", Malformed)]
    [InlineData("PUBLISH at QoS 3", "360700016100010078", Malformed)]
    [InlineData("PUBLISH with DUP at QoS 0", "38050001610078", Malformed)]
    public async Task Bytes_EndTheConnection(string what, string hex, string reason)
    {
        Assert.NotEmpty(what);
        var bytes = Convert.FromHexString(hex);

        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V311, bytes);
        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V500, bytes, Convert.ToInt32(reason, 16));
        await OthersAreUndisturbedAsync();
    }

    [Fact]
    public async Task PropertyLength_WithAFourthContinuationBit_EndsTheConnection()
    {
        var bytes = new PacketBytes().Text("a").Raw([0xFF, 0xFF, 0xFF, 0xFF, 0x01]).ToPacket(PacketType.Publish);

        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V500, bytes, 0x81);
    }

    [Fact]
    public async Task PropertyLength_BeyondThePacket_EndsTheConnection()
    {
        var bytes = new PacketBytes().Text("a").VarInt(100).Raw("xyz"u8).ToPacket(PacketType.Publish);

        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V500, bytes, 0x81);
    }

    [Fact]
    public async Task NonMinimalLength_IsAnErrorIn5_AndAcceptedIn311() // [MQTT-1.5.5-1] is 5.0 only
    {
        byte[] bytes = [0xC0, 0x80, 0x00];
        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V500, bytes, 0x81);

        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = MqttVersion.V311, ClientId = Unique.Name("lenient") });
        await client.SendAsync(bytes);
        await client.WaitForAsync(PacketType.PingResp);
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task Subscribe_CutBehindItsFilter_EndsTheConnection(MqttVersion version)
    {
        var body = new PacketBytes().TwoBytes(1);
        if (version == MqttVersion.V500)
        {
            body.Properties(null);
        }

        await Hostility.IsEndedAsync(fixture.Port, version, body.Text("a/b").ToPacket(PacketType.Subscribe, 2), 0x81);
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task SecondConnect_EndsTheConnection(MqttVersion version)
    {
        await Hostility.IsEndedAsync(fixture.Port, version, new ConnectPacket { Version = version, ClientId = "second" }.Encode(), 0x82);
    }

    [Fact]
    public async Task Auth_WithoutAMethod_EndsTheConnection()
    {
        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V311, [0xF0, 0x00]);
        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V500, [0xF0, 0x02, 0x18, 0x00], 0x82);
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task PacketIdZero_EndsTheConnection(MqttVersion version)
    {
        await Hostility.IsEndedAsync(fixture.Port, version, Packets.Publish(version, "a", "x", 1, 0), 0x81, 0x82);
        await Hostility.IsEndedAsync(fixture.Port, version, Packets.Publish(version, "a", "x", 2, 0), 0x81, 0x82);
        await Hostility.IsEndedAsync(fixture.Port, version, Packets.Subscribe(version, 0, ("a", 0)), 0x81, 0x82);
        await Hostility.IsEndedAsync(fixture.Port, version, Packets.Unsubscribe(version, 0, "a"), 0x81, 0x82);
    }

    public static TheoryData<MqttVersion, string> BadText()
    {
        var data = new TheoryData<MqttVersion, string>();
        foreach (var version in new[] { MqttVersion.V311, MqttVersion.V500 })
        {
            foreach (var hex in new[] { "C080", "EDA080", "EDBFBF", "6100", "FF", "F8888080", "E282", "F4908080" })
            {
                data.Add(version, hex);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(BadText))]
    public async Task InvalidUtf8_EndsTheConnection_WhereverItStands(MqttVersion version, string hex) // [MQTT-1.5.4-1], [MQTT-1.5.4-2]
    {
        var text = Convert.FromHexString(hex);
        var connect = new ConnectPacket { Version = version, ClientId = Unique.Name("utf8") };
        var publish = new PacketBytes().Binary(text);
        var subscribe = new PacketBytes().TwoBytes(1);
        if (version == MqttVersion.V500)
        {
            publish.Properties(null);
            subscribe.Properties(null);
        }

        await Hostility.IsEndedAsync(fixture.Port, version, publish.Raw("x"u8).ToPacket(PacketType.Publish), 0x81);
        await Hostility.IsEndedAsync(fixture.Port, version, subscribe.Binary(text).Byte(0).ToPacket(PacketType.Subscribe, 2), 0x81);
        await Hostility.IsRefusedAsMalformedAsync(fixture.Port, version, (connect with { ClientIdBytes = text }).Encode(), 0x81);
        await Hostility.IsRefusedAsMalformedAsync(fixture.Port, version, (connect with { UsernameBytes = text, Password = "x" }).Encode(), 0x81);
        await Hostility.IsRefusedAsMalformedAsync(fixture.Port, version, (connect with { WillTopicBytes = text }).Encode(), 0x81);
        if (version == MqttVersion.V500)
        {
            var properties = new PacketBytes().Byte((int)PropertyId.UserProperty).Text("a").Binary(text);
            await Hostility.IsEndedAsync(fixture.Port, version, Packets.Publish(version, "a", "x"u8, properties: properties), 0x81);
        }
    }

    [Theory]
    [InlineData("a/+/b")]
    [InlineData("#")]
    [InlineData("a/#")]
    [InlineData("a+b")]
    public async Task Publish_ToAWildcard_EndsTheConnection(string topic) // [MQTT-3.3.2-2]
    {
        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V311, Packets.Publish(MqttVersion.V311, topic, "x"));
        await Hostility.IsEndedAsync(fixture.Port, MqttVersion.V500, Packets.Publish(MqttVersion.V500, topic, "x"), 0x90);
    }

    [Fact]
    public async Task PacketsCutAnywhere_LeaveTheBrokerAtRest()
    {
        // A pipe reader that meets the end of its stream inside a packet must not spin.
        var whole = Packets.Publish(MqttVersion.V500, "rest/topic", new byte[300], 1, 1);
        for (var length = 1; length < 150; length++)
        {
            await using var client = length % 2 == 0
                ? await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("cut") })
                : await RawMqttClient.DialAsync(fixture.Port);
            await client.SendAsync(whole.AsMemory(0, length));
        }

        await Eventually.TrueAsync(
            async () =>
            {
                var before = ProcessUsage.CpuSeconds(fixture.Broker.Pid);
                await Task.Delay(TimeSpan.FromSeconds(1));
                return ProcessUsage.CpuSeconds(fixture.Broker.Pid) - before < 0.2;
            },
            "a second with less than 20 % of a core");
    }

    private async Task OthersAreUndisturbedAsync()
    {
        await using var bystander = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("bystander") });
        await bystander.SubscribeAsync("bystander", 1);
        await bystander.PublishAsync("bystander", "well", 1);
        Assert.Equal("well", (await bystander.ReadPublishAsync()).PayloadText);
    }
}
