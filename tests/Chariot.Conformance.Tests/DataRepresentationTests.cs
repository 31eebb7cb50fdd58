using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Chapters 1 and 2: strings, integers, flags, packet identifiers, property lengths.</summary>
public class DataRepresentationTests(SharedBroker shared) : ConformanceTest(shared)
{
    /// <summary>Ill-formed, overlong, surrogate, and U+0000.</summary>
    public static TheoryData<MqttVersion, string> BadText()
    {
        var data = new TheoryData<MqttVersion, string>();
        foreach (var hex in new[] { "C080", "EDA080", "FF", "E282", "610062" })
        {
            data.Add(MqttVersion.V311, hex);
            data.Add(MqttVersion.V500, hex);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(BadText))]
    [Normative("3:1.5.3-1", "3:1.5.3-2", "3:3.3.2-1", "3:3.8.3-1", "3:3.10.3-1", "3:4.7.3-2", "3:3.1.3-4", "3:3.1.3-10", "3:3.1.3-11", "3:3.1.4-1")]
    [Normative("5:1.5.4-1", "5:1.5.4-2", "5:1.5.7-1", "5:3.3.2-1", "5:3.3.2-13", "5:3.3.2-19", "5:3.8.3-1", "5:3.10.3-1", "5:4.7.3-2", "5:3.1.3-4", "5:3.1.3-11", "5:3.1.3-12", "5:4.13.1-1")]
    public async Task TextThatIsNotUtf8_IsMalformed_WhereverItStands(MqttVersion version, string hex)
    {
        var text = Convert.FromHexString(hex);
        PacketBytes Properties() => version == V500 ? new PacketBytes().Properties(null) : new PacketBytes();
        await EndsAsync(version, new PacketBytes().Binary(text).Raw(Properties().ToArray()).ToPacket(PacketType.Publish), 0x81);
        await EndsAsync(version, new PacketBytes().TwoBytes(1).Raw(Properties().ToArray()).Binary(text).Byte(0).ToPacket(PacketType.Subscribe, 2), 0x81);
        await EndsAsync(version, new PacketBytes().TwoBytes(1).Raw(Properties().ToArray()).Binary(text).ToPacket(PacketType.Unsubscribe, 2), 0x81);
        var connect = new ConnectPacket { Version = version, ClientId = Name("utf8") };
        int? refusal = version == V500 ? 0x81 : null;
        await IsRefusedAsync(connect with { ClientIdBytes = text }, refusal);
        await IsRefusedAsync(connect with { WillTopicBytes = text }, refusal);
        await IsRefusedAsync(connect with { UsernameBytes = text, Password = "x" }, refusal);
        if (version == V500)
        {
            foreach (var id in new[] { PropertyId.ResponseTopic, PropertyId.ContentType })
            {
                await EndsAsync(version, Publish("a", "x", Property(id).Binary(text)), 0x81);
            }

            await EndsAsync(version, Publish("a", "x", Property(PropertyId.UserProperty).Text("key").Binary(text)), 0x81);
            await EndsAsync(version, Publish("a", "x", Property(PropertyId.UserProperty).Binary(text).Text("value")), 0x81);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:1.5.3-3", "3:4.7.3-4", "5:1.5.4-3", "5:4.7.3-4")]
    public async Task ByteOrderMark_IsKept_AndTellsTopicsApart(MqttVersion version)
    {
        var plain = Name("bom/");
        var marked = "\uFEFF" + plain;
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync(marked, 1);
        await client.PublishAsync(plain, "without", 1);
        await client.PublishAsync(marked, "with", 1);

        var received = Assert.Single(await client.DrainPublishesAsync());
        Assert.Equal(Encoding.UTF8.GetBytes(marked), Encoding.UTF8.GetBytes(received.Topic));
    }

    [Fact]
    [Normative("5:1.5.5-1", "5:4.13.1-1")]
    public async Task VariableByteInteger_InMoreBytesThanNeeded_IsMalformed()
    {
        await EndsAsync(V500, [0xC0, 0x80, 0x00], 0x81);
        await EndsAsync(V500, new PacketBytes().Text("a").Raw([0x80, 0x00]).Raw("x"u8).ToPacket(PacketType.Publish), 0x81);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:2.2.2-1", "3:2.2.2-2", "3:3.6.1-1", "3:3.8.1-1", "3:3.10.1-1", "3:3.14.1-1", "3:4.8.0-1")]
    [Normative("5:2.1.3-1", "5:3.6.1-1", "5:3.8.1-1", "5:3.10.1-1", "5:3.14.1-1", "5:4.13.1-1")]
    public async Task ReservedFlags_OtherThanListed_CloseTheConnection(MqttVersion version)
    {
        foreach (var packet in new[]
        {
            Packets.Acknowledge(PacketType.PubAck, 1), Packets.Acknowledge(PacketType.PubRec, 1), Packets.Acknowledge(PacketType.PubRel, 1),
            Packets.Acknowledge(PacketType.PubComp, 1), Packets.Subscribe(version, 1, ("a", 0)), Packets.Unsubscribe(version, 1, "a"), Packets.PingReq,
            Packets.Disconnect(version),
        })
        {
            foreach (var flip in new[] { 1, 2, 8 })
            {
                var wrong = (byte[])packet.Clone();
                wrong[0] ^= (byte)flip;
                await EndsAsync(version, wrong, 0x81);
            }
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:2.2.2-1", "3:2.3.1-5", "3:4.3.1-1", "3:3.3.1-2", "3:2.3.1-7", "3:2.3.1-6", "5:2.1.3-1", "5:2.2.1-2", "5:2.2.2-1", "5:2.2.1-5", "5:2.2.1-6", "5:4.3.1-1", "5:3.3.1-2")]
    public async Task PacketsOfTheServer_HaveTheFlagsAndFieldsOfTheStandard_ByteForByte(MqttVersion version)
    {
        var topic = Name("bytes/");
        await using var client = await ConnectAsync(version);
        client.AutoAcknowledge = false;
        async Task<byte[]> AnswerAsync(byte[] packet, PacketType type)
        {
            await client.SendAsync(packet);
            var answer = await client.WaitForAsync(type);
            return [answer.FirstByte, .. answer.Body];
        }

        byte[] none = version == V500 ? [0] : [];
        Assert.Equal([0x90, 0x12, 0x34, .. none, 2], await AnswerAsync(Packets.Subscribe(version, 0x1234, (topic, 2)), PacketType.SubAck));
        Assert.Equal([0xD0], await AnswerAsync(Packets.PingReq, PacketType.PingResp));
        var published = new PacketBytes().Text(topic).Raw(none).Raw("x"u8).ToArray();
        Assert.Equal([0x30, .. published], await AnswerAsync(Packets.Publish(version, topic, "x"), PacketType.Publish));
        Assert.Equal([0x40, 0x43, 0x21], await AnswerAsync(Packets.Publish(version, topic, "x", 1, 0x4321), PacketType.PubAck));
        Assert.Equal(0x32, (await client.WaitForAsync(PacketType.Publish)).FirstByte);
        Assert.Equal([0x50, 0x00, 0x07], await AnswerAsync(Packets.Publish(version, topic, "x", 2, 7), PacketType.PubRec));
        var exactlyOnce = await client.WaitForAsync(PacketType.Publish);
        Assert.Equal(0x34, exactlyOnce.FirstByte);
        Assert.Equal([0x70, 0x00, 0x07], await AnswerAsync(Packets.Acknowledge(PacketType.PubRel, 7), PacketType.PubComp));
        var id = exactlyOnce.Body.AsSpan(2 + topic.Length, 2).ToArray();
        Assert.Equal([0x62, .. id], await AnswerAsync(Packets.Acknowledge(PacketType.PubRec, exactlyOnce.PacketId), PacketType.PubRel));
        Assert.Equal([0xB0, 0x00, 0x09, .. (version == V500 ? new byte[] { 0, 0 } : [])], await AnswerAsync(Packets.Unsubscribe(version, 9, topic), PacketType.UnsubAck));
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:2.3.1-1", "3:4.8.0-1")]
    public async Task PacketIdentifierZero_ClosesTheConnection(MqttVersion version)
    {
        await EndsAsync(version, Packets.Publish(version, "a", "x", 1, 0), 0x81, 0x82);
        await EndsAsync(version, Packets.Publish(version, "a", "x", 2, 0), 0x81, 0x82);
        await EndsAsync(version, Packets.Subscribe(version, 0, ("a", 0)), 0x81, 0x82);
        await EndsAsync(version, Packets.Unsubscribe(version, 0, "a"), 0x81, 0x82);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:2.3.1-1", "3:2.3.1-4", "3:4.3.2-1", "3:4.3.3-1", "5:2.2.1-4", "5:4.3.2-1", "5:4.3.2-2", "5:4.3.3-1", "5:4.3.3-2")]
    public async Task IdentifiersOfTheServer_AreNeitherZeroNorInUse_AndTheFirstSendingHasNoDup(MqttVersion version)
    {
        var topic = Name("ids/");
        await using var client = await ConnectAsync(version);
        client.AutoAcknowledge = false;
        await client.SubscribeAsync(topic, 2);
        await using var publisher = await ConnectAsync(version);
        HashSet<int> open = [];
        for (var i = 0; i < 60; i++)
        {
            var qos = 1 + (i % 2);
            await publisher.PublishAsync(topic, $"{i}", qos);
            var packet = await client.ReadPublishAsync();
            Assert.False(packet.Dup);
            Assert.Equal(qos, packet.Qos);
            Assert.NotEqual(0, packet.PacketId);
            Assert.True(open.Add(packet.PacketId), $"{packet.PacketId} is in use");
            if (i % 6 == 0)
            {
                // Every third QoS 1 message is acknowledged; all others stay open.
                await client.SendAsync(Packets.Acknowledge(PacketType.PubAck, packet.PacketId));
                open.Remove(packet.PacketId);
            }
        }
    }
}
