using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Mqtt;

public class RetainedTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    [Theory]
    [InlineData(MqttVersion.V311, 0)]
    [InlineData(MqttVersion.V311, 1)]
    [InlineData(MqttVersion.V500, 1)]
    [InlineData(MqttVersion.V500, 2)]
    public async Task Retained_IsReplayedToANewSubscriber_WithTheFlag(MqttVersion version, int qos)
    {
        var topic = Unique.Name("retained/");
        await using var client = await ConnectAsync(version);
        await client.PublishAsync(topic, "kept", qos, retain: true);
        await client.PublishAsync(topic, "kept last", qos, retain: true);

        await client.SubscribeAsync("retained/+", 2);

        var message = Assert.Single(await client.DrainPublishesAsync(), message => message.Topic == topic);
        Assert.Equal("kept last", message.PayloadText);
        Assert.True(message.Retain);
        Assert.Equal(qos, message.Qos);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task LargeRetainedMessages_AllArrive_HoweverSlowlyTheyAreRead(int qos)
    {
        const int Count = 20;
        var prefix = Unique.Name("large/");
        await using var publisher = await ConnectAsync(MqttVersion.V500);
        for (var i = 0; i < Count; i++)
        {
            // Together more than what may wait for a client.
            await publisher.PublishAsync($"{prefix}/{i}", new string((char)('a' + i), 900_000), 1, retain: true);
        }

        await using var reader = await ConnectAsync(MqttVersion.V500);
        await reader.SendAsync(Packets.Subscribe(MqttVersion.V500, 7, ($"{prefix}/#", qos)));
        await reader.WaitForAsync(PacketType.SubAck);
        // The socket fills and the broker has to wait, with another packet of the same client to answer meanwhile.
        await reader.SendAsync(Packets.PingReq);
        var letters = new HashSet<char>();
        while (letters.Count < Count)
        {
            var message = await reader.ReadPublishAsync();
            Assert.Equal(900_000, message.Payload.Length);
            letters.Add((char)message.Payload[0]);
        }
    }

    [Fact]
    public async Task ManyRetainedMessages_AreStreamedThroughASmallReceiveMaximum()
    {
        const int Count = 1000;
        var prefix = Unique.Name("many/");
        await using var publisher = await ConnectAsync(MqttVersion.V500);
        for (var i = 0; i < Count; i++)
        {
            await publisher.SendAsync(Packets.Publish(MqttVersion.V500, $"{prefix}/{i}", $"{i}", 0, retain: true));
        }

        await publisher.PublishAsync($"{prefix}/last", "last", 1, retain: true);
        (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings => settings["limits"]!["maximumQueuedMessages"] = 100)).EnsureSuccess();
        var properties = new PacketBytes().Byte((int)PropertyId.ReceiveMaximum).TwoBytes(3);
        await using var reader = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("reader"), Properties = properties });
        await reader.SendAsync(Packets.Subscribe(MqttVersion.V500, 7, ($"{prefix}/#", 1)));
        var seen = new HashSet<string>();
        while (seen.Count < Count + 1)
        {
            seen.Add((await reader.ReadPublishAsync()).PayloadText);
        }

        (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings => settings["limits"]!["maximumQueuedMessages"] = 16384)).EnsureSuccess();
    }

    [Fact]
    public async Task ExpiredRetainedMessage_IsGone_FromTheViewToo()
    {
        var topic = Unique.Name("expiring/");
        await using var client = await ConnectAsync(MqttVersion.V500);
        var properties = new PacketBytes().Byte((int)PropertyId.MessageExpiryInterval).FourBytes(4);
        await client.SendAsync(new PacketBytes().Text(topic).Properties(properties).Raw("m"u8).ToPacket(0x31));
        await Eventually.TrueAsync(async () => (int)(await fixture.Broker.Admin.GetAsync($"topics/retained?filter={Uri.EscapeDataString(topic)}")).Body!["items"]!.AsArray().Count == 1, "the message is not retained");

        await Eventually.TrueAsync(async () => (int)(await fixture.Broker.Admin.GetAsync($"topics/retained?filter={Uri.EscapeDataString(topic)}")).Body!["items"]!.AsArray().Count == 0, "the message does not expire");
    }

    [Fact]
    public async Task Retained_DeliveredLive_HasNoFlag() // [MQTT-3.3.1-9]
    {
        var topic = Unique.Name("retained/");
        await using var client = await ConnectAsync(MqttVersion.V500);
        await client.SubscribeAsync(topic);

        await client.PublishAsync(topic, "live", 1, retain: true);

        Assert.False((await client.ReadPublishAsync()).Retain);
    }

    [Fact]
    public async Task Retained_WithEmptyPayload_ClearsAndIsDeliveredLive() // [MQTT-3.3.1-10]
    {
        var topic = Unique.Name("retained/");
        await using var client = await ConnectAsync(MqttVersion.V500);
        await client.PublishAsync(topic, "kept", 1, retain: true);
        await client.SubscribeAsync(topic);
        await client.ReadPublishAsync();

        await client.PublishAsync(topic, "", 1, retain: true);

        Assert.Equal("", (await client.ReadPublishAsync()).PayloadText);
        await using var late = await ConnectAsync(MqttVersion.V500);
        await late.SubscribeAsync(topic);
        Assert.Empty(await late.DrainPublishesAsync());
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public async Task RetainHandling_DecidesOnReplay(int handling, int copies) // [MQTT-3.3.1-9] to [MQTT-3.3.1-11] of 5.0
    {
        var topic = Unique.Name("retained/");
        await using var client = await ConnectAsync(MqttVersion.V500);
        await client.PublishAsync(topic, "kept", 1, retain: true);

        await client.SubscribeAsync(topic, handling << 4);
        await client.SubscribeAsync(topic, handling << 4);

        Assert.Equal(copies, (await client.DrainPublishesAsync()).Count);
    }

    [Fact]
    public async Task Retained_IsListedAndDeletedByTheAdminApi()
    {
        var topic = Unique.Name("retained/admin");
        await using var client = await ConnectAsync(MqttVersion.V500);
        await client.PublishAsync(topic, "kept", 1, retain: true);

        var page = (await fixture.Broker.Admin.GetAsync("topics/retained?filter=" + Uri.EscapeDataString(topic))).EnsureSuccess();
        Assert.Equal(topic, (string?)Assert.Single(page.Body!["items"]!.AsArray())!["topic"]);
        (await fixture.Broker.Admin.DeleteAsync("topics/retained/" + Uri.EscapeDataString(topic))).EnsureSuccess();

        await client.SubscribeAsync(topic);
        Assert.Empty(await client.DrainPublishesAsync());
    }

    private Task<RawMqttClient> ConnectAsync(MqttVersion version) =>
        RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("raw") });
}
