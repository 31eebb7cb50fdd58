using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Section 3.3.1.3: RETAIN, and what a new subscription gets.</summary>
public class RetainedTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.1-5", "3:3.3.1-6", "3:3.3.1-7", "3:3.3.1-8", "3:3.3.1-12", "3:3.1.2-7", "5:3.3.1-5", "5:3.3.1-8", "5:3.3.1-9")]
    public async Task LastRetainedMessageOfEachTopic_GoesToNewSubscribers_WithItsQosAndTheFlag(MqttVersion version)
    {
        var root = Name("retained/");
        await using (var publisher = await ConnectAsync(version))
        {
            await publisher.PublishAsync(root + "/0", "old", 2, retain: true);
            await publisher.PublishAsync(root + "/0", "zero", 0, retain: true);
            await publisher.PublishAsync(root + "/1", "one", 1, retain: true);
            await publisher.PublishAsync(root + "/2", "two", 2, retain: true);
            await publisher.PublishAsync(root + "/2", "not retained", 1);
            await publisher.DisconnectAsync();
        }

        // The session of their publisher is over.
        await using var subscriber = await ConnectAsync(version);
        await subscriber.SubscribeAsync(root + "/+", 2);
        Dictionary<string, (string, int, bool)> received = [];
        for (var i = 0; i < 3; i++)
        {
            var message = await subscriber.ReadPublishAsync();
            received[message.Topic[^1..]] = (message.PayloadText, message.Qos, message.Retain);
        }

        Assert.Equal(("zero", 0, true), received["0"]);
        Assert.Equal(("one", 1, true), received["1"]);
        Assert.Equal(("two", 2, true), received["2"]);
        Assert.Empty(await subscriber.DrainPublishesAsync());
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.1-9", "5:3.3.1-12")]
    public async Task EstablishedSubscription_GetsItWithoutTheFlag(MqttVersion version)
    {
        var topic = Name("live/");
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync(topic, 2);
        foreach (var qos in new[] { 0, 1, 2 })
        {
            await client.PublishAsync(topic, $"{qos}", qos, retain: true);
            var message = await client.ReadPublishAsync();
            Assert.Equal(($"{qos}", false), (message.PayloadText, message.Retain));
        }

        await client.PublishAsync(topic, "", 1, retain: true);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [Normative("5:3.3.1-13")]
    public async Task RetainAsPublished_KeepsTheFlag(int qos)
    {
        var topic = Name("published/");
        await using var client = await ConnectAsync();
        await client.SubscribeAsync(topic, qos | 0x08);
        await client.PublishAsync(topic, "with", qos, retain: true);
        Assert.True((await client.ReadPublishAsync()).Retain);
        await client.PublishAsync(topic, "without", qos);
        Assert.False((await client.ReadPublishAsync()).Retain);
        await client.PublishAsync(topic, "", 1, retain: true);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.3.1-10", "3:3.3.1-11", "5:3.3.1-6", "5:3.3.1-7")]
    public async Task EmptyRetainedMessage_IsDelivered_ClearsAndIsNotStored(MqttVersion version)
    {
        var topic = Name("clear/");
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync(topic, 1);
        foreach (var qos in new[] { 0, 1, 2 })
        {
            await client.PublishAsync(topic, "there", 1, retain: true);
            await client.PublishAsync(topic, "", qos, retain: true);
            Assert.Equal("there", (await client.ReadPublishAsync()).PayloadText);
            Assert.Equal(0, (await client.ReadPublishAsync()).Payload.Length);
            await using var late = await ConnectAsync(version);
            await late.SubscribeAsync(topic, 1);
            Assert.Empty(await late.DrainPublishesAsync());
        }
    }

    [Fact]
    [Normative("5:3.3.1-9", "5:3.3.1-10", "5:3.3.1-11", "5:3.8.4-4")]
    public async Task RetainHandling_DecidesWhetherRetainedMessagesAreSent()
    {
        var topic = Name("handling/");
        await PublishFromElsewhereAsync(topic, "kept", retain: true);
        foreach (var (handling, first, second) in new[] { (0, 1, 1), (1, 1, 0), (2, 0, 0) })
        {
            await using var client = await ConnectAsync();
            await client.SubscribeAsync(topic, 1 | (handling << 4));
            await ExpectAsync(client, first);
            await client.SubscribeAsync(topic, 1 | (handling << 4));
            await ExpectAsync(client, second);
        }

        await PublishFromElsewhereAsync(topic, "", retain: true);

        static async Task ExpectAsync(RawMqttClient client, int count)
        {
            for (var i = 0; i < count; i++)
            {
                Assert.Equal("kept", (await client.ReadPublishAsync()).PayloadText);
            }

            Assert.Empty(await client.DrainPublishesAsync());
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.8.4-3", "5:3.8.4-3", "5:3.8.4-4")]
    public async Task IdenticalFilter_Replaces_SendsRetainedAgain_AndLosesNothing(MqttVersion version)
    {
        var topic = Name("replace/");
        await PublishFromElsewhereAsync(topic, "kept", retain: true);
        await using var client = await ConnectAsync(version);
        await client.SubscribeAsync(topic, 0);
        Assert.Equal(0, (await client.ReadPublishAsync()).Qos);

        // Live messages flow while the subscription is replaced.
        await using var publisher = await ConnectAsync(version);
        const int Count = 100;
        var publishing = Task.Run(async () =>
        {
            for (var i = 0; i < Count; i++)
            {
                await publisher.PublishAsync(topic, $"{i}", 1);
            }
        });
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(1, await client.SubscribeAsync(topic, 1));
        }

        await publishing;
        List<string> live = [];
        var repeated = 0;
        while (live.Count < Count)
        {
            var message = await client.ReadPublishAsync();
            if (message.Retain)
            {
                repeated++;
                continue;
            }

            live.Add(message.PayloadText);
        }

        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"{i}"), live);
        repeated += (await client.DrainPublishesAsync()).Count(message => message.Retain);
        Assert.Equal(10, repeated);
        await PublishFromElsewhereAsync(topic, "", retain: true);
    }
}
