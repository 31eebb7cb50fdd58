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
