using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Sections 3.8 to 3.11 and 4.8: SUBSCRIBE, UNSUBSCRIBE, shared subscriptions.</summary>
public class SubscribeTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.8.4-1", "3:3.8.4-2", "3:3.8.4-4", "3:3.8.4-5", "3:3.9.3-1", "3:3.9.3-2", "3:4.7.1-2", "3:4.7.1-3")]
    [Normative("5:3.8.4-1", "5:3.8.4-2", "5:3.8.4-5", "5:3.8.4-6", "5:3.8.4-7", "5:3.9.3-1", "5:3.9.3-2", "5:4.7.1-1", "5:4.7.1-2")]
    public async Task SubAck_HasACodePerFilter_InOrder_AndFailuresAreOfTheirFilterAlone(MqttVersion version)
    {
        var root = Name("many/");
        await using var client = await ConnectAsync(version);
        await client.SendAsync(Packets.Subscribe(version, 4711, (root + "/2", 2), (root + "/#/bad", 1), (root + "/0", 0), (root + "/bad+", 2), (root + "/1", 1), ("bad#", 0)));
        var answer = await client.WaitForAsync(PacketType.SubAck);
        var failure = version == V500 ? (byte)0x8F : (byte)0x80;
        Assert.Equal(4711, answer.PacketId);
        Assert.Equal([2, failure, 0, failure, 1, failure], answer.Reasons);
        for (var qos = 0; qos < 3; qos++)
        {
            await client.PublishAsync($"{root}/{qos}", "x", 2);
            Assert.Equal(qos, (await client.ReadPublishAsync()).Qos);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.8.4-6", "5:3.8.4-8")]
    public async Task Message_IsSentAtTheLowerOfPublishedAndGrantedQos(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        for (var granted = 0; granted < 3; granted++)
        {
            var topic = Name("lower/");
            Assert.Equal(granted, await client.SubscribeAsync(topic, granted));
            for (var published = 0; published < 3; published++)
            {
                await client.PublishAsync(topic, "x", published);
                Assert.Equal(Math.Min(granted, published), (await client.ReadPublishAsync()).Qos);
            }
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.8.3-3", "3:3.10.3-2", "3:4.8.0-1", "5:3.8.3-2", "5:3.10.3-2", "5:4.13.1-1")]
    public async Task RequestWithoutAFilter_IsAProtocolError(MqttVersion version)
    {
        await EndsAsync(version, Packets.Subscribe(version, 1), 0x81, 0x82);
        await EndsAsync(version, Packets.Unsubscribe(version, 1), 0x81, 0x82);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3-8.3-4", "3:4.8.0-1", "5:3.8.3-5", "5:4.13.1-1")]
    public async Task ReservedOptionBits_AndQos3_AreMalformed(MqttVersion version)
    {
        int[] wrong = version == V311 ? [3, 4, 8, 0x10, 0x20, 0x40, 0x80] : [3, 0x40, 0x80, 0xC1];
        foreach (var options in wrong)
        {
            await EndsAsync(version, Packets.Subscribe(version, 1, ("a", options)), 0x81, 0x82);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.5-1", "5:3.3.4-2")]
    public async Task OverlappingSubscriptions_DeliverAtTheHighestQos(MqttVersion version)
    {
        var root = Name("overlap/");
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync(root + "/#", 2);
        await client.SubscribeAsync(root + "/+", 0);
        await client.SubscribeAsync(root + "/a", 1);
        await client.PublishAsync(root + "/a", "x", 2);
        // The best of all copies, were there several.
        var copies = new List<ReceivedPacket> { await client.ReadPublishAsync() };
        copies.AddRange(await client.DrainPublishesAsync());
        Assert.Equal(2, copies.Max(copy => copy.Qos));
    }

    [Fact]
    [Normative("5:3.3.4-3", "5:3.3.4-4")]
    public async Task SingleCopy_HasTheIdentifiersOfAllItsSubscriptions()
    {
        var root = Name("identifiers/");
        await using var client = await ConnectAsync();
        foreach (var (filter, identifier) in new[] { ("/#", 1), ("/+", 268_435_455), ("/a", 300) })
        {
            await client.SendAsync(Subscribe(client.NextPacketId(), Property(PropertyId.SubscriptionIdentifier).VarInt(identifier), (root + filter, 2)));
            await client.WaitForAsync(PacketType.SubAck);
        }

        await client.SubscribeAsync("+/" + root.Split('/')[1] + "/a", 1);
        foreach (var qos in new[] { 0, 1, 2 })
        {
            await client.PublishAsync(root + "/a", "x", qos);
            var message = await client.ReadPublishAsync();
            var identifiers = message.Properties.Where(property => property.Id == PropertyId.SubscriptionIdentifier).Select(property => (uint)property.Value).Order();
            Assert.Equal([1u, 300u, 268_435_455u], identifiers);
        }

        await client.PublishAsync(root + "/b/c", "x");
        Assert.Equal(1u, (await client.ReadPublishAsync()).Property(PropertyId.SubscriptionIdentifier));
        await EndsAsync(V500, Subscribe(1, Property(PropertyId.SubscriptionIdentifier).VarInt(0), ("a", 0)), 0x82);
    }

    [Fact]
    [Normative("5:3.8.3-3")]
    public async Task NoLocal_KeepsAwayTheClientsOwnMessages_AlsoThoseOfItsSession()
    {
        var id = Name("local");
        await using var other = await ConnectAsync();
        await using (var client = await ConnectDurableAsync(V500, id))
        {
            await client.SubscribeAsync(id, 2 | 0x04);
            foreach (var qos in new[] { 0, 1, 2 })
            {
                await client.PublishAsync(id, "own", qos);
            }

            await other.PublishAsync(id, "other's", 1);
            Assert.Equal("other's", (await client.ReadPublishAsync()).PayloadText);
            Assert.Empty(await client.DrainPublishesAsync());
        }

        await using var back = await ConnectDurableAsync(V500, id);
        await back.PublishAsync(id, "own", 1);
        Assert.Empty(await back.DrainPublishesAsync());
        // Without the option it comes.
        await back.SubscribeAsync(id, 1);
        await back.PublishAsync(id, "own", 1);
        Assert.Equal("own", (await back.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [Normative("5:3.8.3-3", "5:3.3.4-4")]
    public async Task OwnMessage_ByAnOverlappingSubscription_HasNothingOfTheOneWithNoLocal(int qos)
    {
        var root = Name("overlap/");
        await using var client = await ConnectAsync();
        await client.SendAsync(Subscribe(client.NextPacketId(), Property(PropertyId.SubscriptionIdentifier).VarInt(1), (root + "/a", 2 | 0x04)));
        await client.WaitForAsync(PacketType.SubAck);
        await client.SendAsync(Subscribe(client.NextPacketId(), Property(PropertyId.SubscriptionIdentifier).VarInt(2), (root + "/+", 0)));
        await client.WaitForAsync(PacketType.SubAck);

        await client.PublishAsync(root + "/a", "own", qos);
        var own = await client.ReadPublishAsync();
        Assert.Equal(0, own.Qos);
        Assert.Equal([2u], own.Properties.Select(property => property.Value));

        await PublishFromElsewhereAsync(root + "/a", "other's");
        var others = await client.ReadPublishAsync();
        Assert.Equal(1, others.Qos);
        Assert.Equal(2, others.Properties.Count(property => property.Id == PropertyId.SubscriptionIdentifier));
    }

    [Fact]
    [Normative("5:3.8.3-4", "5:4.13.1-1")]
    public async Task NoLocalOnASharedSubscription_IsAProtocolError() =>
        await EndsAsync(V500, Packets.Subscribe(V500, 1, ("$share/g/a", 0x04)), 0x82);

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.10.4-1", "3:3.10.4-2", "3:3.10.4-4", "3:3.10.4-5", "3:3.10.4-6", "3:2.3.1-7")]
    [Normative("5:3.10.4-1", "5:3.10.4-2", "5:3.10.4-4", "5:3.10.4-5", "5:3.10.4-6", "5:3.11.3-1", "5:3.11.3-2", "5:2.2.1-6")]
    public async Task Unsubscribe_DeletesEqualFiltersOnly_AndAlwaysAnswers(MqttVersion version)
    {
        var root = Name("un/");
        await using var client = await ConnectAsync(version);
        await client.SendAsync(Packets.Subscribe(version, 1, (root + "/+", 1), (root + "/A", 1), (root + "/b", 1)));
        await client.WaitForAsync(PacketType.SubAck);
        await client.SendAsync(Packets.Unsubscribe(version, 600, root + "/#", root + "/+", root + "/a", root + "/b"));
        var answer = await client.WaitForAsync(PacketType.UnsubAck);
        Assert.Equal(600, answer.PacketId);
        Assert.Equal(version == V500 ? [0x11, 0, 0x11, 0] : [], answer.Reasons);
        foreach (var name in new[] { "a", "b", "c", "A" })
        {
            await client.PublishAsync($"{root}/{name}", name, 1);
        }

        Assert.Equal("A", Assert.Single(await client.DrainPublishesAsync()).PayloadText);
        // Nothing deleted: answered all the same.
        await client.SendAsync(Packets.Unsubscribe(version, 601, root + "/never"));
        Assert.Equal(601, (await client.WaitForAsync(PacketType.UnsubAck)).PacketId);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.10.4-3", "5:3.10.4-3")]
    public async Task Unsubscribe_LetsWhatIsUnderWayComplete(MqttVersion version)
    {
        var id = Name("under-way");
        await using (var client = await ConnectDurableAsync(version, id))
        {
            client.AutoAcknowledge = false;
            await client.SubscribeAsync(id, 2);
            await using var publisher = await ConnectAsync(version);
            await publisher.PublishAsync(id, "1", 1);
            await publisher.PublishAsync(id, "2", 2);
            await client.ReadPublishAsync();
            var second = await client.ReadPublishAsync();
            await client.UnsubscribeAsync(id);
            await client.SendAsync(Packets.Acknowledge(PacketType.PubRec, second.PacketId));
            await client.WaitForAsync(PacketType.PubRel);
            client.Abort();
        }

        await using var back = await ConnectDurableAsync(version, id);
        Assert.Equal("1", (await back.ReadPublishAsync()).PayloadText);
        await back.WaitForAsync(PacketType.PubRel);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("5:4.8.2-1", "5:4.8.2-2")]
    public async Task SharedFilters_OfWrongSyntax_AreRefused(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        foreach (var filter in new[] { "$share", "$share/", "$share//t", "$share/g", "$share/g/", "$share/+/t", "$share/#", "$share/g+/t", "$share/#/t" })
        {
            var code = await client.SubscribeAsync(filter, 1);
            Assert.True(code == (version == V500 ? 0x8F : 0x80), $"'{filter}' was granted 0x{code:X2}");
        }

        Assert.Equal(1, await client.SubscribeAsync("$share/g/" + Name("good/"), 1));
    }

    [Fact]
    [Normative("5:4.8.2-3", "5:3.3.1-9")]
    public async Task SharedSubscription_DeliversToOneMember_AtItsQos_AndNothingRetained()
    {
        var topic = Name("shared/");
        await PublishFromElsewhereAsync(topic, "retained", retain: true);
        await using var zero = await ConnectAsync();
        await using var one = await ConnectAsync();
        await zero.SubscribeAsync("$share/g/" + topic, 0);
        await one.SubscribeAsync("$share/g/" + topic, 1);
        await using var publisher = await ConnectAsync();
        for (var i = 0; i < 20; i++)
        {
            await publisher.PublishAsync(topic, $"{i}", 2);
        }

        var toZero = await zero.DrainPublishesAsync();
        var toOne = await one.DrainPublishesAsync();
        Assert.All(toZero, message => Assert.Equal(0, message.Qos));
        Assert.All(toOne, message => Assert.Equal(1, message.Qos));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{i}").Order(), toZero.Concat(toOne).Select(message => message.PayloadText).Order());
        await PublishFromElsewhereAsync(topic, "", retain: true);
    }

    [Fact]
    [Normative("5:4.8.2-4")]
    public async Task SharedQos2_UnderWay_IsCompletedWithItsMember()
    {
        var topic = Name("shared/");
        var id = Name("member");
        await using (var member = await ConnectDurableAsync(V500, id))
        {
            member.AutoAcknowledge = false;
            await member.SubscribeAsync("$share/g/" + topic, 2);
            await using var publisher = await ConnectAsync();
            await publisher.PublishAsync(topic, "mine", 2);
            await member.ReadPublishAsync();
            await using var other = await ConnectAsync();
            await other.SubscribeAsync("$share/g/" + topic, 2);
            member.Abort();
            await using var back = await ConnectDurableAsync(V500, id);
            var message = await back.ReadPublishAsync();
            Assert.True(message.Dup);
            Assert.Equal("mine", message.PayloadText);
            Assert.Empty(await other.DrainPublishesAsync());
        }
    }

    [Fact]
    [Normative("5:4.8.2-5")]
    public async Task SharedQos2_UnderWay_EndsWithItsMembersSession()
    {
        var topic = Name("shared/");
        await using var member = await ConnectAsync();
        member.AutoAcknowledge = false;
        await member.SubscribeAsync("$share/g/" + topic, 2);
        await using var publisher = await ConnectAsync();
        await publisher.PublishAsync(topic, "mine", 2);
        await member.ReadPublishAsync();
        await using var other = await ConnectAsync();
        await other.SubscribeAsync("$share/g/" + topic, 2);
        // Without an expiry the session ends here.
        member.Abort();
        await publisher.PublishAsync(topic, "until this", 2);
        await Eventually.TrueAsync(
            async () =>
            {
                await publisher.PublishAsync(topic, "until this", 2);
                return (await other.DrainPublishesAsync()).Select(message => message.PayloadText).All(text => text == "until this");
            },
            "messages for the member that stays");
        Assert.DoesNotContain(await other.DrainPublishesAsync(), message => message.PayloadText == "mine");
    }

    [Theory]
    [InlineData(1, 0x40)]
    [InlineData(2, 0x50)]
    [Normative("5:4.8.2-6", "5:4.4.0-2")]
    public async Task SharedMessage_ThatAMemberRefuses_IsDiscarded(int qos, int first)
    {
        var topic = Name("shared/");
        await using var a = await ConnectAsync();
        await using var b = await ConnectAsync();
        foreach (var member in new[] { a, b })
        {
            member.AutoAcknowledge = false;
            await member.SubscribeAsync("$share/g/" + topic, qos);
        }

        await using var publisher = await ConnectAsync();
        await publisher.SendAsync(Packets.Publish(V500, topic, "refused", qos, 1));
        var toA = a.ReadPublishAsync();
        var toB = b.ReadPublishAsync();
        var chosen = await Task.WhenAny(toA, toB);
        var (member1, rest) = chosen == toA ? (a, toB) : (b, toA);
        await member1.SendAsync(new PacketBytes().TwoBytes((await chosen).PacketId).Byte(0x83).ToPacket(first));
        // The next messages reach both; the refused one is not among them.
        for (var i = 2; i < 12; i++)
        {
            await publisher.SendAsync(Packets.Publish(V500, topic, "next", qos, i));
        }

        Assert.Equal("next", (await rest).PayloadText);
        foreach (var member in new[] { a, b })
        {
            Assert.All(await member.DrainPublishesAsync(), message => Assert.Equal("next", message.PayloadText));
        }
    }

    [Fact]
    [Normative("5:3.1.2-29", "5:3.4.2-1", "5:3.9.3-2")]
    public async Task ProblemInformation0_KeepsReasonStringsAway()
    {
        await using var client = await ConnectAsync(V500, new ConnectPacket { Properties = Property(PropertyId.RequestProblemInformation).Byte(0) });
        await client.SendAsync(Packets.Subscribe(V500, 1, ("bad#", 0)));
        await client.SendAsync(Packets.Unsubscribe(V500, 2, "never"));
        await client.SendAsync(Packets.Publish(V500, "$denied", "x", 1, 3));
        await client.SendAsync(Packets.Publish(V500, "$denied", "x", 2, 4));
        foreach (var type in new[] { PacketType.SubAck, PacketType.UnsubAck, PacketType.PubAck, PacketType.PubRec })
        {
            var packet = await client.WaitForAsync(type);
            Assert.DoesNotContain(packet.Properties, property => property.Id is PropertyId.ReasonString or PropertyId.UserProperty);
        }
    }
}
