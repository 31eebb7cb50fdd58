using System.Net;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Mqtt;

public class WillTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task Will_IsPublished_WhenTheConnectionBreaks(MqttVersion version)
    {
        var (client, observer, topic) = await ConnectAsync(version);
        await using var _ = client;
        await using var __ = observer;

        client.Abort();

        var will = await observer.ReadPublishAsync();
        Assert.Equal((topic, "gone", 1), (will.Topic, will.PayloadText, will.Qos));
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task Will_IsNotPublished_AfterDisconnect(MqttVersion version) // [MQTT-3.1.2-10]
    {
        var id = Unique.Name("polite");
        var (client, observer, _) = await ConnectAsync(version, id: id);
        await using var __ = observer;

        await client.DisconnectAsync();

        // The admin API forgets a session without expiry when its end has been dealt with, the will included.
        await Eventually.TrueAsync(async () => (await fixture.Broker.Admin.GetAsync("clients/" + id)).Status == HttpStatusCode.NotFound, "the session's end");
        Assert.Empty(await observer.DrainPublishesAsync());
    }

    /// <summary>
    /// 5.0 section 3.1.4 and 3.1.3.2.2: the will of a connection that is taken over is sent, unless its session goes on and its delay is
    /// above 0.
    /// </summary>
    [Theory]
    [InlineData(true, 0, 0, true)]
    [InlineData(true, 0, 60, true)]
    [InlineData(true, 300, 0, true)]
    [InlineData(true, 300, 60, true)]
    [InlineData(false, 0, 0, true)]
    [InlineData(false, 0, 60, true)]
    [InlineData(false, 300, 0, true)]
    [InlineData(false, 300, 60, false)]
    public async Task Will_OfAConnectionThatIsTakenOver_FollowsTheTable(bool cleanStart, uint expiry, uint delay, bool isPublished) // [MQTT-3.1.3-9]
    {
        var topic = Unique.Name("taken/");
        var packet = new ConnectPacket
        {
            ClientId = Unique.Name("taken"),
            SessionExpiry = expiry,
            WillTopic = topic,
            WillPayload = "gone"u8.ToArray(),
            WillProperties = new PacketBytes().Byte((int)PropertyId.WillDelayInterval).FourBytes(delay),
        };
        await using var observer = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("observer") });
        await observer.SubscribeAsync(topic);
        await using var first = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, packet with { Clean = cleanStart, WillTopic = null, WillProperties = null });

        Assert.Equal(0x8E, (await first.ReadToCloseAsync())!.Reason);
        Assert.Equal(!cleanStart && expiry > 0, second.ConnAck!.SessionPresent);
        if (isPublished)
        {
            Assert.Equal("gone", (await observer.ReadPublishAsync()).PayloadText);
        }

        await second.PublishAsync(topic, "end", 1);
        Assert.Equal("end", (await observer.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    public async Task Will_IsPublished_AfterDisconnectWithWill() // 5.0 reason 0x04
    {
        var (client, observer, topic) = await ConnectAsync(MqttVersion.V500);
        await using var _ = observer;

        await client.DisconnectAsync(0x04);

        Assert.Equal(topic, (await observer.ReadPublishAsync()).Topic);
    }

    [Fact]
    public async Task Will_IsPublished_AfterAProtocolError()
    {
        var (client, observer, topic) = await ConnectAsync(MqttVersion.V500);
        await using var _ = client;
        await using var __ = observer;

        await client.SendAsync(new byte[] { 0xD0, 0x00 });

        Assert.Equal(topic, (await observer.ReadPublishAsync()).Topic);
    }

    [Fact]
    public async Task Will_IsPublished_AfterKeepAliveRunsOut()
    {
        var (client, observer, topic) = await ConnectAsync(MqttVersion.V500, keepAlive: 1);
        await using var _ = client;
        await using var __ = observer;

        Assert.Equal(topic, (await observer.ReadPublishAsync()).Topic);
    }

    [Fact]
    public async Task Will_WithRetain_IsKept()
    {
        var (client, observer, topic) = await ConnectAsync(MqttVersion.V500, retain: true);
        await using var _ = client;
        await using var __ = observer;
        client.Abort();
        await observer.ReadPublishAsync();

        await using var late = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("late") });
        await late.SubscribeAsync(topic);

        Assert.True((await late.ReadPublishAsync()).Retain);
    }

    [Fact]
    public async Task Will_WithDelay_IsCancelledByReconnecting() // [MQTT-3.1.3-9] of 5.0
    {
        var topic = Unique.Name("will/");
        await using var observer = await ObserveAsync(topic);
        var packet = new ConnectPacket
        {
            ClientId = Unique.Name("delayed"),
            SessionExpiry = 60,
            WillTopic = topic,
            WillPayload = "gone"u8.ToArray(),
            WillProperties = new PacketBytes().Byte((int)PropertyId.WillDelayInterval).FourBytes(2),
        };
        await using var first = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        first.Abort();

        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, packet with { Clean = false, WillTopic = null });

        Assert.True(second.ConnAck!.SessionPresent);
        await Assert.ThrowsAsync<TimeoutException>(() => observer.ReadPublishAsync(TimeSpan.FromSeconds(3)));
    }

    private async Task<(RawMqttClient Client, RawMqttClient Observer, string Topic)> ConnectAsync(
        MqttVersion version, int keepAlive = 60, bool retain = false, string? id = null)
    {
        var topic = Unique.Name("will/");
        var observer = await ObserveAsync(topic);
        var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket
        {
            Version = version,
            ClientId = id ?? Unique.Name("mortal"),
            KeepAlive = keepAlive,
            WillTopic = topic,
            WillPayload = "gone"u8.ToArray(),
            WillQos = 1,
            WillRetain = retain,
        });
        return (client, observer, topic);
    }

    private async Task<RawMqttClient> ObserveAsync(string topic)
    {
        var observer = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("observer") });
        await observer.SubscribeAsync(topic, 1);
        return observer;
    }
}
