using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Sections 3.1.2.5 to 3.1.2.7 and 3.1.3.2: the will.</summary>
public class WillTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-8", "3:3.1.2-10", "3:3.1.2-16", "5:3.1.2-7", "5:3.1.2-8", "5:3.1.2-10", "5:3.1.2-14")]
    public async Task Will_IsPublishedOnce_NotRetained_WhenTheConnectionBreaks(MqttVersion version)
    {
        var topic = Name("will/");
        await using var watcher = await WatchAsync(topic);
        var doomed = await ConnectAsync(version, new ConnectPacket { ClientId = Name("doomed"), WillTopic = topic, WillPayload = "gone"u8.ToArray(), WillQos = 1 });
        doomed.Abort();
        Assert.Equal("gone", (await watcher.ReadPublishAsync()).PayloadText);

        await using var again = await ConnectAsync(version);
        again.Abort();
        await using var late = await WatchAsync(topic);
        Assert.Empty(await late.DrainPublishesAsync());
        Assert.Empty(await watcher.DrainPublishesAsync());
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-10", "3:3.14.4-3", "5:3.1.2-8", "5:3.1.2-10", "5:3.14.4-3")]
    public async Task Disconnect_DiscardsTheWill(MqttVersion version)
    {
        var topic = Name("will/");
        await using var watcher = await WatchAsync(topic);
        var client = await ConnectAsync(version, new ConnectPacket { WillTopic = topic, WillPayload = "gone"u8.ToArray() });
        await client.DisconnectAsync();
        await PublishFromElsewhereAsync(topic, "nothing before this");

        Assert.Equal("nothing before this", (await watcher.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-12")]
    public async Task WithoutAWill_NothingIsPublished(MqttVersion version)
    {
        var id = Name("plain");
        await using var watcher = await WatchAsync(id + "/#");
        var client = await ConnectAsync(version, new ConnectPacket { ClientId = id, WillTopic = id + "/first" });
        client.Abort();
        Assert.Equal(id + "/first", (await watcher.ReadPublishAsync()).Topic);

        // The same client id without a will: that of the connection before is not used again.
        var without = await ConnectAsync(version, new ConnectPacket { ClientId = id });
        without.Abort();
        await using var back = await ConnectAsync(version, new ConnectPacket { ClientId = id });
        await PublishFromElsewhereAsync(id + "/second", "x");
        Assert.Equal(id + "/second", (await watcher.ReadPublishAsync()).Topic);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-17", "5:3.1.2-15")]
    public async Task Will_WithRetain_IsRetained(MqttVersion version)
    {
        var topic = Name("will/");
        await using var watcher = await WatchAsync(topic);
        var client = await ConnectAsync(version, new ConnectPacket { WillTopic = topic, WillPayload = "kept"u8.ToArray(), WillQos = 1, WillRetain = true });
        client.Abort();
        Assert.False((await watcher.ReadPublishAsync()).Retain);

        await using var late = await WatchAsync(topic);
        var retained = await late.ReadPublishAsync();
        Assert.True(retained.Retain);
        Assert.Equal("kept", retained.PayloadText);
        await PublishFromElsewhereAsync(topic, "", retain: true);
    }

    [Theory]
    [InlineData(V311, 0xD000)]
    [InlineData(V500, 0xD000)]
    [InlineData(V500, 0x3003)]
    [Normative("3:3.1.2-8", "5:3.1.2-8")]
    public async Task ProtocolError_PublishesTheWill(MqttVersion version, int packet)
    {
        var topic = Name("will/");
        await using var watcher = await WatchAsync(topic);
        await using var client = await ConnectAsync(version, new ConnectPacket { WillTopic = topic, WillPayload = "gone"u8.ToArray() });
        await client.SendAsync(packet == 0xD000 ? [0xD0, 0x00] : Packets.Publish(version, "a/#", "x"));
        Assert.Equal("gone", (await watcher.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-8", "3:3.1.2-24", "5:3.1.2-8", "5:3.1.2-22")]
    public async Task KeepAliveTimeoutAndTakeover_PublishTheWillOfTheOldConnection(MqttVersion version)
    {
        var topic = Name("will/");
        await using var watcher = await WatchAsync(topic);
        await using var silent = await ConnectAsync(version, new ConnectPacket { KeepAlive = 1, WillTopic = topic, WillPayload = "silent"u8.ToArray() });
        Assert.Equal("silent", (await watcher.ReadPublishAsync(TimeSpan.FromSeconds(40))).PayloadText);

        var id = Name("taken");
        await using var first = await ConnectAsync(version, new ConnectPacket { ClientId = id, WillTopic = topic, WillPayload = "taken over"u8.ToArray() });
        await using var second = await ConnectAsync(version, new ConnectPacket { ClientId = id, WillTopic = topic, WillPayload = "not this"u8.ToArray() });
        Assert.Equal("taken over", (await watcher.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    [Normative("5:3.1.2-8")]
    public async Task DisconnectWithWill_PublishesIt()
    {
        var topic = Name("will/");
        await using var watcher = await WatchAsync(topic);
        var client = await ConnectAsync(V500, new ConnectPacket { WillTopic = topic, WillPayload = "asked for"u8.ToArray() });
        await client.DisconnectAsync(0x04);
        Assert.Equal("asked for", (await watcher.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    [Normative("5:3.1.3-9", "5:3.1.2-8")]
    public async Task WillDelay_IsWaited_AndCancelledByComingBack()
    {
        var topic = Name("will/");
        var connect = new ConnectPacket { WillTopic = topic, WillPayload = "late"u8.ToArray(), WillProperties = Property(PropertyId.WillDelayInterval).FourBytes(3) };
        await using var watcher = await WatchAsync(topic);
        var id = Name("delayed");
        var client = await ConnectDurableAsync(V500, id, connect: connect);
        client.Abort();
        await using (var back = await ConnectDurableAsync(V500, id))
        {
            Assert.True(back.ConnAck!.SessionPresent);
            await back.DisconnectAsync();
        }

        // A second one, whose client stays away: its will comes, after its delay, and that of the first never does.
        var other = await ConnectDurableAsync(V500, Name("delayed"), connect: connect with { WillPayload = "second"u8.ToArray() });
        var started = Stopwatch.GetTimestamp();
        other.Abort();
        Assert.Equal("second", (await watcher.ReadPublishAsync(TimeSpan.FromSeconds(40))).PayloadText);
        Assert.True(Stopwatch.GetElapsedTime(started).TotalSeconds > 2.5, "before its delay");
        Assert.Empty(await watcher.DrainPublishesAsync());
    }

    [Fact]
    [Normative("5:3.1.2-8", "5:3.1.2-10")]
    public async Task EndOfTheSession_PublishesTheWillBeforeItsDelay()
    {
        var topic = Name("will/");
        var connect = new ConnectPacket { WillTopic = topic, WillPayload = "early"u8.ToArray(), WillProperties = Property(PropertyId.WillDelayInterval).FourBytes(3600) };
        await using var watcher = await WatchAsync(topic);
        // Without an expiry the session ends with its connection.
        var client = await ConnectAsync(V500, connect);
        client.Abort();
        Assert.Equal("early", (await watcher.ReadPublishAsync()).PayloadText);

        // With one, at clean start at the latest.
        var id = Name("delayed");
        var durable = await ConnectDurableAsync(V500, id, connect: connect);
        durable.Abort();
        await using var clean = await ConnectAsync(V500, new ConnectPacket { ClientId = id });
        Assert.Equal("early", (await watcher.ReadPublishAsync()).PayloadText);
        Assert.Empty(await watcher.DrainPublishesAsync());
    }

    [Fact]
    [Normative("5:3.1.3-10", "5:3.3.2-4", "5:3.3.2-15", "5:3.3.2-16", "5:3.3.2-17", "5:3.3.2-18", "5:3.3.2-20")]
    public async Task PropertiesOfTheWill_AreForwardedInOrder()
    {
        var topic = Name("will/");
        await using var watcher = await WatchAsync(topic);
        var properties = Property(PropertyId.UserProperty).Text("b").Text("1").Byte((int)PropertyId.ContentType).Text("text/plain")
            .Byte((int)PropertyId.UserProperty).Text("a").Text("2").Byte((int)PropertyId.ResponseTopic).Text("answer/here").Byte((int)PropertyId.CorrelationData).Binary([0, 255])
            .Byte((int)PropertyId.PayloadFormatIndicator).Byte(1).Byte((int)PropertyId.UserProperty).Text("b").Text("1");
        var client = await ConnectAsync(V500, new ConnectPacket { WillTopic = topic, WillPayload = "x"u8.ToArray(), WillProperties = properties });
        client.Abort();
        var will = await watcher.ReadPublishAsync();
        Assert.Equal([("b", "1"), ("a", "2"), ("b", "1")], will.Properties.Where(property => property.Id == PropertyId.UserProperty).Select(property => ((string, string))property.Value));
        Assert.Equal("text/plain", will.Property(PropertyId.ContentType));
        Assert.Equal("answer/here", will.Property(PropertyId.ResponseTopic));
        Assert.Equal(new byte[] { 0, 255 }, will.Property(PropertyId.CorrelationData));
        Assert.Equal(1u, will.Property(PropertyId.PayloadFormatIndicator));
    }

    private async Task<RawMqttClient> WatchAsync(string filter)
    {
        var watcher = await ConnectAsync();
        await watcher.SubscribeAsync(filter, 1);
        return watcher;
    }
}
