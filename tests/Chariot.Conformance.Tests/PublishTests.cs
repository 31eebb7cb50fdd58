using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Section 3.3: PUBLISH, its flags, properties and aliases.</summary>
public class PublishTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.1-3", "3:3.3.1-2", "5:3.3.1-3", "5:3.3.1-2")]
    public async Task Dup_IsNotCopiedToSubscribers(MqttVersion version)
    {
        var topic = Name("dup/");
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync(topic, 2);
        await client.SendAsync(Packets.Publish(version, topic, "1", 1, 1, dup: true));
        await client.SendAsync(Packets.Publish(version, topic, "2", 2, 2, dup: true));
        for (var i = 0; i < 2; i++)
        {
            Assert.False((await client.ReadPublishAsync()).Dup);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.1-4", "3:4.8.0-1", "5:3.3.1-4", "5:3.3.1-2", "3:3.3.1-2", "5:4.13.1-1")]
    public async Task Qos3_AndDupAtQos0_AreMalformed(MqttVersion version)
    {
        foreach (var first in new[] { 0x36, 0x3E, 0x38 })
        {
            var packet = Packets.Publish(version, "a", "x", 1, 1);
            packet[0] = (byte)first;
            await EndsAsync(version, packet, 0x81);
        }
    }

    [Theory]
    [InlineData(V311, 0x90)]
    [InlineData(V500, 0x90)]
    [Normative("3:3.3.2-2", "3:4.7.1-1", "3:4.8.0-1", "5:3.3.2-2", "5:4.7.0-1", "5:4.13.2-1")]
    public async Task TopicNameWithAWildcard_ClosesTheConnection(MqttVersion version, int reason)
    {
        foreach (var topic in new[] { "+", "#", "a/+/b", "a/#", "a+", "#b" })
        {
            await EndsAsync(version, Packets.Publish(version, topic, "x"), reason);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.7.3-1", "5:4.7.3-1")]
    public async Task EmptyTopicNamesAndFilters_CloseTheConnection(MqttVersion version)
    {
        await EndsAsync(version, Packets.Publish(version, "", "x"), 0x81, 0x82, 0x90);
        await EndsAsync(version, Packets.Subscribe(version, 1, ("", 0)), 0x81, 0x82, 0x8F);
        await EndsAsync(version, Packets.Unsubscribe(version, 1, ""), 0x81, 0x82, 0x8F);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.4-1", "5:3.3.4-1", "5:3.4.2-1", "5:3.5.2-1", "5:3.7.2-1")]
    public async Task Publish_IsAnsweredAsItsQosDemands(MqttVersion version)
    {
        var topic = Name("answer/");
        await using var client = await ConnectAsync(version);
        foreach (var subscribed in new[] { false, true })
        {
            if (subscribed)
            {
                await client.SubscribeAsync(topic, 0);
            }

            var answers = new List<string>();
            await client.SendAsync((byte[])[.. Packets.Publish(version, topic, "0"), .. Packets.Publish(version, topic, "1", 1, 11), .. Packets.Publish(version, topic, "2", 2, 12)]);
            var ack = await client.WaitForAsync(PacketType.PubAck);
            var received = await client.WaitForAsync(PacketType.PubRec);
            Assert.Equal((11, 12), (ack.PacketId, received.PacketId));
            // 5.0: No matching subscribers may be said; 3.1.1 has no reason at all.
            int[] good = version == V500 && !subscribed ? [0x00, 0x10] : [0x00];
            Assert.Contains(ack.Reason, good);
            Assert.Contains(received.Reason, good);
            await client.SendAsync(Packets.Acknowledge(PacketType.PubRel, 12));
            var complete = await client.WaitForAsync(PacketType.PubComp);
            Assert.Equal((12, 0), (complete.PacketId, complete.Reason));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [Normative("5:3.3.2-4", "5:3.3.2-15", "5:3.3.2-16", "5:3.3.2-17", "5:3.3.2-18", "5:3.3.2-20")]
    public async Task Properties_AreForwardedUnaltered_LiveStoredAndRetained(int qos)
    {
        var topic = Name("properties/");
        var properties = Property(PropertyId.UserProperty).Text("z").Text("1").Byte((int)PropertyId.PayloadFormatIndicator).Byte(1).Byte((int)PropertyId.UserProperty).Text("a").Text("2")
            .Byte((int)PropertyId.ContentType).Text("c/t").Byte((int)PropertyId.ResponseTopic).Text("r/t").Byte((int)PropertyId.CorrelationData).Binary([1, 0, 255])
            .Byte((int)PropertyId.UserProperty).Text("z").Text("1");
        var id = Name("stored");
        await using (var offline = await ConnectDurableAsync(V500, id))
        {
            await offline.SubscribeAsync(topic, qos);
        }

        await using var live = await ConnectAsync();
        await live.SubscribeAsync(topic, qos);
        await using var publisher = await ConnectAsync();
        await publisher.SendAsync(Publish(topic, "x", properties, qos, qos == 0 ? 0 : 1, retain: true));
        List<ReceivedPacket> copies = [await live.ReadPublishAsync()];
        await using var late = await ConnectAsync();
        await late.SubscribeAsync(topic, qos);
        copies.Add(await late.ReadPublishAsync());
        if (qos > 0)
        {
            await publisher.WaitForAsync(qos == 1 ? PacketType.PubAck : PacketType.PubRec);
            await using var back = await ConnectDurableAsync(V500, id);
            copies.Add(await back.ReadPublishAsync());
        }

        foreach (var copy in copies)
        {
            Assert.Equal([("z", "1"), ("a", "2"), ("z", "1")], copy.Properties.Where(property => property.Id == PropertyId.UserProperty).Select(property => ((string, string))property.Value));
            Assert.Equal(1u, copy.Property(PropertyId.PayloadFormatIndicator));
            Assert.Equal("c/t", copy.Property(PropertyId.ContentType));
            Assert.Equal("r/t", copy.Property(PropertyId.ResponseTopic));
            Assert.Equal(new byte[] { 1, 0, 255 }, copy.Property(PropertyId.CorrelationData));
        }

        await PublishFromElsewhereAsync(topic, "", retain: true);
    }

    [Fact]
    [Normative("5:3.3.2-5", "5:3.3.2-6")]
    public async Task MessageExpiry_DeletesWhatWaitsTooLong_AndCountsDownTheRest()
    {
        var id = Name("expiry");
        await using (var offline = await ConnectDurableAsync(V500, id))
        {
            await offline.SubscribeAsync(id + "/#", 1);
        }

        await using var publisher = await ConnectAsync();
        foreach (var (name, seconds) in new[] { ("short", 1u), ("long", 600u) })
        {
            await publisher.SendAsync(Publish($"{id}/{name}", name, Property(PropertyId.MessageExpiryInterval).FourBytes(seconds), 1, 1, retain: true));
            await publisher.WaitForAsync(PacketType.PubAck);
        }

        await Task.Delay(2500);
        await using var back = await ConnectDurableAsync(V500, id);
        await using var late = await ConnectAsync();
        await late.SubscribeAsync(id + "/#", 1);
        foreach (var client in new[] { back, late })
        {
            // The stored copy and the retained one.
            var message = await client.ReadPublishAsync();
            Assert.Equal("long", message.PayloadText);
            Assert.InRange(Assert.IsType<uint>(message.Property(PropertyId.MessageExpiryInterval)), 500u, 598u);
            Assert.Empty(await client.DrainPublishesAsync());
        }

        await PublishFromElsewhereAsync(id + "/long", "", retain: true);
    }

    [Fact]
    [Normative("5:3.3.2-12", "5:3.3.2-7", "5:4.13.1-1")]
    public async Task AliasesOfAClient_AreAcceptedUpToTheMaximum_AndEndWithTheConnection()
    {
        var root = Name("alias/");
        var id = Name("alias");
        await using var watcher = await ConnectAsync();
        await watcher.SubscribeAsync(root + "/#");
        await using (var client = await ConnectDurableAsync(V500, id))
        {
            var maximum = Assert.IsType<uint>(client.ConnAck!.Property(PropertyId.TopicAliasMaximum));
            for (var alias = 1; alias <= maximum; alias++)
            {
                await client.SendAsync(Publish($"{root}/{alias}", "set", Property(PropertyId.TopicAlias).TwoBytes(alias)));
                await client.SendAsync(Publish("", "used", Property(PropertyId.TopicAlias).TwoBytes(alias)));
                foreach (var payload in new[] { "set", "used" })
                {
                    var message = await watcher.ReadPublishAsync();
                    Assert.Equal(($"{root}/{alias}", payload), (message.Topic, message.PayloadText));
                    Assert.Null(message.Property(PropertyId.TopicAlias));
                }
            }

            // A new topic replaces the old one.
            await client.SendAsync(Publish($"{root}/new", "", Property(PropertyId.TopicAlias).TwoBytes(1)));
            await client.SendAsync(Publish("", "", Property(PropertyId.TopicAlias).TwoBytes(1)));
            Assert.Equal($"{root}/new", (await watcher.ReadPublishAsync()).Topic);
            Assert.Equal($"{root}/new", (await watcher.ReadPublishAsync()).Topic);
        }

        await using var back = await ConnectDurableAsync(V500, id);
        await back.SendAsync(Publish("", "x", Property(PropertyId.TopicAlias).TwoBytes(1)));
        await IsClosedAsync(back, 0x82);
    }

    [Fact]
    [Normative("5:3.3.2-8", "5:3.3.2-9", "5:3.2.2-17", "5:4.13.1-1")]
    public async Task AliasZeroOrAboveTheMaximum_ClosesTheConnection()
    {
        await using var client = await ConnectAsync();
        var maximum = (int)Assert.IsType<uint>(client.ConnAck!.Property(PropertyId.TopicAliasMaximum));
        await EndsAsync(V500, Publish("a", "x", Property(PropertyId.TopicAlias).TwoBytes(0)), 0x94);
        await EndsAsync(V500, Publish("a", "x", Property(PropertyId.TopicAlias).TwoBytes(maximum + 1)), 0x94);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [Normative("5:3.1.2-26", "5:3.1.2-27", "5:3.3.2-8", "5:3.3.2-11", "5:3.3.2-7")]
    public async Task AliasesOfTheServer_KeepToTheClientsMaximum_AndAlwaysTellTheTopic(int maximum)
    {
        var root = Name("outbound/");
        var id = Name("outbound");
        await using var publisher = await ConnectAsync();
        for (var connection = 0; connection < 2; connection++)
        {
            var properties = maximum == 0 ? null : Property(PropertyId.TopicAliasMaximum).TwoBytes(maximum);
            await using var client = await ConnectDurableAsync(V500, id, connect: new ConnectPacket { Properties = properties });
            await client.SubscribeAsync(root + "/#", 1);
            Dictionary<uint, string> known = [];
            for (var i = 0; i < 30; i++)
            {
                // Few topics, often, at both QoS, so that aliases pay.
                var topic = $"{root}/{i % 4}";
                await publisher.PublishAsync(topic, $"{i}", i % 2);
                var message = await client.ReadPublishAsync();
                var name = message.Topic;
                if (message.Property(PropertyId.TopicAlias) is uint alias)
                {
                    Assert.InRange(alias, 1u, (uint)maximum);
                    name = name.Length > 0 ? known[alias] = name : known[alias];
                }

                Assert.Equal((topic, $"{i}"), (name, message.PayloadText));
            }
        }
    }

    [Fact]
    [Normative("5:3.3.2-14", "5:4.13.1-1")]
    public async Task ResponseTopicWithAWildcard_IsAProtocolError()
    {
        await EndsAsync(V500, Publish("a", "x", Property(PropertyId.ResponseTopic).Text("a/+")), 0x82);
        await EndsAsync(V500, Publish("a", "x", Property(PropertyId.ResponseTopic).Text("#")), 0x82);
    }

    [Fact]
    [Normative("5:3.3.4-6", "5:4.13.1-1")]
    public async Task SubscriptionIdentifier_FromAClient_IsAProtocolError() =>
        await EndsAsync(V500, Publish("a", "x", Property(PropertyId.SubscriptionIdentifier).VarInt(1)), 0x82);

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.6.0-1", "3:4.6.0-2", "3:4.6.0-3", "3:4.6.0-4", "3:4.6.0-5", "3:4.6.0-6", "5:4.6.0-5", "5:4.6.0-6")]
    public async Task OneClientsMessages_AndTheirAnswers_KeepTheirOrder(MqttVersion version)
    {
        const int Count = 120;
        var topic = Name("order/");
        await using var subscriber = await ConnectAsync(version);
        await subscriber.SubscribeAsync(topic, 2);
        await using var publisher = await ConnectAsync(version);
        var batch = new PacketBytes();
        for (var i = 0; i < Count; i++)
        {
            var qos = i % 3;
            batch.Raw(Packets.Publish(version, topic, $"{qos}:{i}", qos, qos == 0 ? 0 : i + 1));
        }

        await publisher.SendAsync(batch.ToArray());
        Dictionary<string, int> latest = [];
        for (var i = 0; i < Count; i++)
        {
            var parts = (await subscriber.ReadPublishAsync()).PayloadText.Split(':');
            var sequence = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(sequence > latest.GetValueOrDefault(parts[0], -1), $"{sequence} behind {latest.GetValueOrDefault(parts[0])} at QoS {parts[0]}");
            latest[parts[0]] = sequence;
        }

        foreach (var (type, qos) in new[] { (PacketType.PubAck, 1), (PacketType.PubRec, 2) })
        {
            for (var i = qos; i < Count; i += 3)
            {
                Assert.Equal(i + 1, (await publisher.WaitForAsync(type)).PacketId);
            }
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.2-3", "3:4.7.1-2", "3:4.7.1-3", "3:4.7.3-4", "5:3.3.2-3", "5:4.7.1-1", "5:4.7.1-2", "5:4.7.3-4")]
    public async Task Filters_MatchAsTheStandardSays(MqttVersion version)
    {
        var root = Name("match");
        foreach (var (filter, topic, matches) in new[]
        {
            ("/sport/#", "/sport", true), ("/sport/#", "/sport/tennis/p1", true), ("/sport/+", "/sport", false), ("/sport/+", "/sport/", true), ("/+/+", "//finance", true),
            ("/+", "//finance", false), ("/a/+/c", "/a/b/c", true), ("/a/+/c", "/a/b/b/c", false), ("/Case", "/case", false), ("/end/", "/end", false), ("/#", "", true),
            ("/\u00E9", "/e\u0301", false),
        })
        {
            await using var client = await ConnectAsync(version);
            await client.SubscribeAsync(root + filter, 1);
            await client.PublishAsync(root + topic, "x", 1);
            var received = await client.DrainPublishesAsync();
            Assert.True(received.Count == (matches ? 1 : 0), $"'{filter}' and '{topic}': {received.Count}");
            Assert.All(received, message => Assert.Equal(Encoding.UTF8.GetBytes(root + topic), Encoding.UTF8.GetBytes(message.Topic)));
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.7.2-1", "5:4.7.2-1", "3:3.3.5-2")]
    public async Task WildcardFirst_DoesNotMatchADollarTopic(MqttVersion version)
    {
        await using var watcher = await ConnectAsync(version);
        await watcher.SubscribeAsync("#", 1);
        await watcher.SubscribeAsync("+/monitor", 1);
        await using var client = await ConnectAsync(version);
        // Whether the server takes it or denies it (3.1.1 then acknowledges all the same): nobody may get it by a wildcard.
        await client.PublishAsync("$CONFORMANCE/monitor", "x", 1, retain: true);
        await client.PublishAsync("$SYS/monitor", "x", 1);
        Assert.DoesNotContain(await watcher.DrainPublishesAsync(), message => message.Topic.StartsWith('$'));
    }
}
