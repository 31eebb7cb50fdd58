using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Sections 4.3, 4.4, 4.9: both halves of QoS 1 and 2, redelivery, flow control.</summary>
public class QosTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.3.2-2", "3:2.3.1-6", "5:4.3.2-4", "5:4.3.2-5", "5:2.2.1-5")]
    public async Task Qos1Receiver_TakesAnIdentifierThatWasAcknowledged_ForANewMessage(MqttVersion version)
    {
        var topic = Name("qos1/");
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync(topic, 0);
        foreach (var dup in new[] { false, true, true })
        {
            await client.SendAsync(Packets.Publish(version, topic, "same id", 1, 77, dup: dup));
            Assert.Equal(77, (await client.WaitForAsync(PacketType.PubAck)).PacketId);
            Assert.Equal("same id", (await client.ReadPublishAsync()).PayloadText);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.3.3-2", "5:4.3.3-8", "5:4.3.3-10", "5:4.3.3-11", "5:4.3.3-12", "5:3.7.2-1")]
    public async Task Qos2Receiver_DeliversOncePerExchange(MqttVersion version)
    {
        var topic = Name("qos2/");
        await using var watcher = await ConnectAsync(version);
        await watcher.SubscribeAsync(topic, 0);
        await using var client = await ConnectAsync(version);
        for (var exchange = 0; exchange < 2; exchange++)
        {
            for (var sending = 0; sending < 3; sending++)
            {
                await client.SendAsync(Packets.Publish(version, topic, $"{exchange}", 2, 5, dup: sending > 0));
                Assert.Equal((5, 0), await AnswerAsync(client, PacketType.PubRec));
            }

            await client.SendAsync(Packets.Acknowledge(PacketType.PubRel, 5));
            Assert.Equal((5, 0), await AnswerAsync(client, PacketType.PubComp));
            Assert.Equal($"{exchange}", (await watcher.ReadPublishAsync()).PayloadText);
            Assert.Empty(await watcher.DrainPublishesAsync());
        }

        // PUBREL of an exchange that is over is still answered.
        await client.SendAsync(Packets.Acknowledge(PacketType.PubRel, 5));
        Assert.Equal((5, version == V500 ? 0x92 : 0), await AnswerAsync(client, PacketType.PubComp));
    }

    [Fact]
    [Normative("5:4.3.3-9", "5:3.5.2-1")]
    public async Task Qos2Receiver_ThatRefused_TakesTheIdentifierForANewMessage()
    {
        var topic = Name("refused/");
        await using var client = await ConnectAsync();
        await client.SubscribeAsync(topic, 0);
        await client.SendAsync(Packets.Publish(V500, "$denied/topic", "x", 2, 9));
        var (_, reason) = await AnswerAsync(client, PacketType.PubRec);
        Assert.Equal(0x87, reason);
        await client.SendAsync(Packets.Publish(V500, topic, "new", 2, 9));
        Assert.Equal((9, 0), await AnswerAsync(client, PacketType.PubRec));
        Assert.Equal("new", (await client.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    [Normative("5:4.3.3-13", "5:4.3.3-7")]
    public async Task Qos2_GoesOn_ThoughTheMessageHasExpiredMeanwhile()
    {
        var topic = Name("expired/");
        await using var subscriber = await ConnectAsync();
        subscriber.AutoAcknowledge = false;
        await subscriber.SubscribeAsync(topic, 2);
        await using var client = await ConnectAsync();
        await client.SendAsync(Publish(topic, "short", Property(PropertyId.MessageExpiryInterval).FourBytes(1), 2, 3));
        Assert.Equal((3, 0), await AnswerAsync(client, PacketType.PubRec));
        var message = await subscriber.ReadPublishAsync();
        await Task.Delay(1500);

        // Receiver's half towards the publisher, and sender's half towards the subscriber.
        await client.SendAsync(Packets.Publish(V500, topic, "short", 2, 3, dup: true));
        Assert.Equal((3, 0), await AnswerAsync(client, PacketType.PubRec));
        await client.SendAsync(Packets.Acknowledge(PacketType.PubRel, 3));
        Assert.Equal((3, 0), await AnswerAsync(client, PacketType.PubComp));
        await subscriber.SendAsync(Packets.Acknowledge(PacketType.PubRec, message.PacketId));
        Assert.Equal((message.PacketId, 0), await AnswerAsync(subscriber, PacketType.PubRel));
        await subscriber.SendAsync(Packets.Acknowledge(PacketType.PubComp, message.PacketId));
        Assert.Empty(await subscriber.DrainPublishesAsync());
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.3.3-1", "5:4.3.3-4", "5:3.6.2-1", "5:2.2.1-5")]
    public async Task Qos2Sender_AnswersPubRecWithPubRel_OfTheSameIdentifier(MqttVersion version)
    {
        var topic = Name("sender/");
        await using var client = await ConnectAsync(version);
        client.AutoAcknowledge = false;
        await client.SubscribeAsync(topic, 2);
        await PublishFromElsewhereAsync(topic, "qos 1");
        await using var publisher = await ConnectAsync(version);
        await publisher.PublishAsync(topic, "qos 2", 2);
        await client.ReadPublishAsync();
        var message = await client.ReadPublishAsync();
        await client.SendAsync(Packets.Acknowledge(PacketType.PubRec, message.PacketId));
        Assert.Equal((message.PacketId, 0), await AnswerAsync(client, PacketType.PubRel));
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.1-1", "3:4.3.2-1", "3:4.3.3-1", "3:4.4.0-1", "3:4.6.0-1", "3:2.3.1-4")]
    [Normative("5:3.3.1-1", "5:4.3.2-3", "5:4.3.3-3", "5:4.3.3-5", "5:4.3.3-6", "5:4.4.0-1")]
    public async Task Resuming_SendsWhatIsUnacknowledgedAgain_WithItsIdentifierAndDup_InOrder(MqttVersion version)
    {
        var id = Name("resume");
        List<(PacketType Type, int PacketId, string Payload)> expected = [];
        await using (var client = await ConnectDurableAsync(version, id))
        {
            client.AutoAcknowledge = false;
            await client.SubscribeAsync(id, 2);
            await using var publisher = await ConnectAsync(version);
            for (var i = 0; i < 6; i++)
            {
                await publisher.PublishAsync(id, $"{i}", 1 + (i % 2));
                var message = await client.ReadPublishAsync();
                if (i == 3)
                {
                    // This exchange gets as far as PUBREL, and no further.
                    await client.SendAsync(Packets.Acknowledge(PacketType.PubRec, message.PacketId));
                    await client.WaitForAsync(PacketType.PubRel);
                    expected.Add((PacketType.PubRel, message.PacketId, ""));
                }
                else
                {
                    expected.Add((PacketType.Publish, message.PacketId, $"{i}"));
                }
            }

            // Nothing is sent again while the connection is open.
            Assert.Empty(await client.DrainPublishesAsync());
            client.Abort();
        }

        await using var back = await ConnectDurableAsync(version, id);
        back.AutoAcknowledge = false;
        List<(PacketType Type, int PacketId, string Payload)> received = [];
        while (received.Count < expected.Count)
        {
            var packet = await back.ReadAsync() ?? throw new MqttTestException("closed");
            if (packet.Type == PacketType.Publish)
            {
                Assert.True(packet.Dup, $"{packet}");
            }

            received.Add((packet.Type, packet.PacketId, packet.Type == PacketType.Publish ? packet.PayloadText : ""));
        }

        Assert.Equal(expected.Where(entry => entry.Type == PacketType.Publish), received.Where(entry => entry.Type == PacketType.Publish));
        Assert.Contains(expected.Single(entry => entry.Type == PacketType.PubRel), received);
        Assert.Empty(await back.DrainPublishesAsync());
    }

    [Theory]
    [InlineData(1, 0x40)]
    [InlineData(2, 0x50)]
    [Normative("5:4.4.0-2", "5:4.3.3-4", "5:4.9.0-2")]
    public async Task ErrorInTheAnswer_EndsTheExchange(int qos, int first)
    {
        var id = Name("error");
        await using (var client = await ConnectDurableAsync(V500, id, connect: new ConnectPacket { Properties = Property(PropertyId.ReceiveMaximum).TwoBytes(1) }))
        {
            client.AutoAcknowledge = false;
            await client.SubscribeAsync(id, qos);
            await using var publisher = await ConnectAsync();
            await publisher.PublishAsync(id, "refused", qos);
            var message = await client.ReadPublishAsync();
            await client.SendAsync(new PacketBytes().TwoBytes(message.PacketId).Byte(0x83).ToPacket(first));

            // The window is free again, and no PUBREL comes.
            await publisher.PublishAsync(id, "next", qos);
            var next = await client.ReadAsync();
            Assert.True(next is { Type: PacketType.Publish, PayloadText: "next" }, $"{next}");
            client.Abort();
        }

        await using var back = await ConnectDurableAsync(V500, id);
        Assert.Equal("next", (await back.ReadPublishAsync()).PayloadText);
        Assert.Empty(await back.DrainPublishesAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [Normative("5:3.3.4-9", "5:3.3.4-10", "5:4.9.0-1", "5:4.9.0-2", "5:4.9.0-3")]
    public async Task ReceiveMaximumOfTheClient_IsKept_AndNothingElseIsHeldUp(int maximum)
    {
        var topic = Name("window/");
        await using var client = await ConnectAsync(V500, new ConnectPacket { Properties = Property(PropertyId.ReceiveMaximum).TwoBytes(maximum) });
        client.AutoAcknowledge = false;
        await client.SubscribeAsync(topic, 2);
        await using var publisher = await ConnectAsync();
        for (var i = 0; i < 8; i++)
        {
            // Nobody acknowledges these: only their acceptance can be waited for.
            await publisher.SendAsync(Packets.Publish(V500, topic, $"{i}", 1 + (i % 2), i + 1));
        }

        List<ReceivedPacket> open = [];
        for (var i = 0; i < maximum; i++)
        {
            open.Add(await client.ReadPublishAsync());
        }

        Assert.Empty(await client.DrainPublishesAsync());
        // At quota zero: PINGREQ, SUBSCRIBE, PUBLISH and QoS 0 go on.
        var other = Name("zero/");
        Assert.Equal(0, await client.SubscribeAsync(other, 0));
        await client.PublishAsync(other, "flows", 1);
        Assert.Equal("flows", (await client.ReadPublishAsync()).PayloadText);

        var count = maximum;
        while (count < 8)
        {
            var message = open[0];
            open.RemoveAt(0);
            if (message.Qos == 1)
            {
                await client.SendAsync(Packets.Acknowledge(PacketType.PubAck, message.PacketId));
            }
            else
            {
                await client.SendAsync(Packets.Acknowledge(PacketType.PubRec, message.PacketId));
                await client.WaitForAsync(PacketType.PubRel);
                // PUBREC alone does not free the place.
                Assert.Empty(await client.DrainPublishesAsync());
                await client.SendAsync(Packets.Acknowledge(PacketType.PubComp, message.PacketId));
            }

            open.Add(await client.ReadPublishAsync());
            count++;
            Assert.Empty(await client.DrainPublishesAsync());
        }
    }

    [Fact]
    [Normative("5:3.3.4-7", "5:4.13.1-1")]
    public async Task MorePublishesThanTheServersReceiveMaximum_CloseTheConnection()
    {
        await using var client = await ConnectAsync();
        var maximum = (int)Assert.IsType<uint>(client.ConnAck!.Property(PropertyId.ReceiveMaximum));
        var batch = new PacketBytes();
        for (var i = 1; i <= maximum + 1; i++)
        {
            batch.Raw(Packets.Publish(V500, "over/quota", "x", 2, i));
        }

        // QoS 2 without PUBREL: each stays open.
        await client.SendAsync(batch.ToArray());
        await IsClosedAsync(client, 0x93);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task AcknowledgementsOfNothing_AreHarmless(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        await client.SendAsync(Packets.Acknowledge(PacketType.PubAck, 500));
        await client.SendAsync(Packets.Acknowledge(PacketType.PubComp, 500));
        await client.SendAsync(Packets.Acknowledge(PacketType.PubRec, 500));
        var (packetId, reason) = await AnswerAsync(client, PacketType.PubRel);
        Assert.Equal((500, version == V500 ? 0x92 : 0), (packetId, reason));
        Assert.Empty(await client.DrainPublishesAsync());
    }

    private static async Task<(int PacketId, int Reason)> AnswerAsync(RawMqttClient client, PacketType type)
    {
        var answer = await client.WaitForAsync(type);
        return (answer.PacketId, answer.Reason);
    }
}
