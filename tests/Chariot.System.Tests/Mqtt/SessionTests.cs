using System.Diagnostics;
using System.Net;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Mqtt;

public class SessionTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    [Theory]
    [InlineData(MqttVersion.V311, 1)]
    [InlineData(MqttVersion.V311, 2)]
    [InlineData(MqttVersion.V500, 1)]
    [InlineData(MqttVersion.V500, 2)]
    public async Task DurableSession_ReceivesWhatCameWhileItWasOffline_InOrder(MqttVersion version, int qos)
    {
        var topic = Unique.Name("offline/");
        var packet = await DurableAsync(version);
        var first = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        Assert.False(first.ConnAck!.SessionPresent);
        await first.SubscribeAsync(topic, qos);
        await first.DisconnectAsync();
        await using var publisher = await ConnectAsync(new ConnectPacket());
        for (var i = 0; i < 50; i++)
        {
            await publisher.PublishAsync(topic, $"{i}", qos);
        }

        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, packet with { Clean = false });

        Assert.True(second.ConnAck!.SessionPresent);
        for (var i = 0; i < 50; i++)
        {
            var message = await second.ReadPublishAsync();
            Assert.Equal(($"{i}", qos), (message.PayloadText, message.Qos));
        }
    }

    [Fact]
    public async Task CleanStart_EndsTheOldSession()
    {
        var topic = Unique.Name("clean/");
        var packet = await DurableAsync(MqttVersion.V500);
        var first = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        await first.SubscribeAsync(topic, 1);
        await first.DisconnectAsync();
        await using var publisher = await ConnectAsync(new ConnectPacket());
        await publisher.PublishAsync(topic, "too late", 1);

        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, packet with { Clean = true });

        Assert.False(second.ConnAck!.SessionPresent);
        await publisher.PublishAsync(topic, "not subscribed", 1);
        Assert.Empty(await second.DrainPublishesAsync());
    }

    [Fact]
    public async Task Session_EndsWhenItsExpiryHasPassed()
    {
        var packet = (await DurableAsync(MqttVersion.V500)) with { SessionExpiry = 1 };
        var first = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        await first.DisconnectAsync();

        await Eventually.TrueAsync(
            async () => (await fixture.Broker.Admin.GetAsync("clients/" + packet.ClientId)).Status == HttpStatusCode.NotFound, "expiry");

        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, packet with { Clean = false });
        Assert.False(second.ConnAck!.SessionPresent);
    }

    [Fact]
    public async Task Disconnect_CanLowerTheExpiryToNothing()
    {
        var packet = await DurableAsync(MqttVersion.V500);
        var first = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        await first.DisconnectAsync(sessionExpiry: 0);

        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, packet with { Clean = false });

        Assert.False(second.ConnAck!.SessionPresent);
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task Takeover_ClosesTheOldConnection_AndKeepsTheSession(MqttVersion version) // [MQTT-3.1.4-3] of 5.0
    {
        var topic = Unique.Name("takeover/");
        var packet = (await DurableAsync(version)) with { Clean = false };
        await using var old = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        await old.SubscribeAsync(topic, 1);

        await using var young = await RawMqttClient.ConnectAsync(fixture.Port, packet);

        var last = await old.ReadToCloseAsync();
        Assert.Equal(version == MqttVersion.V500 ? 0x8E : null, last?.Reason);
        Assert.True(young.ConnAck!.SessionPresent);
        await young.PublishAsync(topic, "still subscribed", 1);
        Assert.Equal("still subscribed", (await young.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    public async Task Inflight_IsSentAgainWithItsIdAndDup_AfterReconnecting() // [MQTT-4.4.0-1]
    {
        var topic = Unique.Name("inflight/");
        var packet = await DurableAsync(MqttVersion.V500);
        await using var first = await RawMqttClient.ConnectAsync(fixture.Port, packet);
        first.AutoAcknowledge = false;
        await first.SubscribeAsync(topic, 1);
        await using var publisher = await ConnectAsync(new ConnectPacket());
        await publisher.PublishAsync(topic, "unacknowledged", 1);
        var sent = await first.ReadPublishAsync();
        first.Abort();

        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, packet with { Clean = false });

        var again = await second.ReadPublishAsync();
        Assert.Equal(("unacknowledged", sent.PacketId, true), (again.PayloadText, again.PacketId, again.Dup));
    }

    [Fact]
    public async Task ReceiveMaximumOfTheClient_IsNeverExceeded() // [MQTT-3.3.4-9] of 5.0
    {
        var topic = Unique.Name("window/");
        await using var slow = await ConnectAsync(new ConnectPacket { Properties = new PacketBytes().Byte((int)PropertyId.ReceiveMaximum).TwoBytes(2) });
        slow.AutoAcknowledge = false;
        await slow.SubscribeAsync(topic, 1);
        await using var publisher = await ConnectAsync(new ConnectPacket());
        for (var i = 0; i < 5; i++)
        {
            await publisher.PublishAsync(topic, $"{i}", 1);
        }

        var window = await slow.DrainPublishesAsync();

        Assert.Equal(["0", "1"], window.Select(message => message.PayloadText));
        await slow.SendAsync(Packets.Acknowledge(PacketType.PubAck, window[0].PacketId));
        Assert.Equal("2", (await slow.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task SilentClient_IsClosed_AfterOneAndAHalfTimesItsKeepAlive(MqttVersion version) // [MQTT-3.1.2-24]
    {
        await using var client = await ConnectAsync(new ConnectPacket { Version = version, KeepAlive = 1 });
        var started = Stopwatch.GetTimestamp();

        var last = await client.ReadToCloseAsync();

        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 1.0, 5.0);
        Assert.Equal(version == MqttVersion.V500 ? 0x8D : null, last?.Reason);
    }

    [Fact]
    public async Task AnyPacket_KeepsTheConnectionAlive()
    {
        var topic = Unique.Name("alive/");
        await using var client = await ConnectAsync(new ConnectPacket { KeepAlive = 1 });
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500));

        for (var i = 0; i < 6; i++)
        {
            await timer.WaitForNextTickAsync();
            await client.PublishAsync(topic, "alive");
        }

        Assert.Empty(await client.DrainPublishesAsync());
    }

    [Fact]
    public async Task MaximumPacketSizeOfTheClient_DropsLargerMessages_AndTheFlowGoesOn() // [MQTT-3.1.2-25]
    {
        var topic = Unique.Name("small/");
        await using var client = await ConnectAsync(new ConnectPacket { Properties = new PacketBytes().Byte((int)PropertyId.MaximumPacketSize).FourBytes(100) });
        await client.SubscribeAsync(topic, 2);
        await using var publisher = await ConnectAsync(new ConnectPacket());

        for (var qos = 0; qos <= 2; qos++)
        {
            await publisher.PublishAsync(topic, new string('x', 200), qos);
            await publisher.PublishAsync(topic, $"fits {qos}", qos);
        }

        for (var qos = 0; qos <= 2; qos++)
        {
            Assert.Equal($"fits {qos}", (await client.ReadPublishAsync()).PayloadText);
        }
    }

    [Fact]
    public async Task AdminApi_ListsAClient_AndDisconnectsIt()
    {
        var id = Unique.Name("listed");
        await using var client = await ConnectAsync(new ConnectPacket { ClientId = id });
        await client.SubscribeAsync("listed/+", 1);

        var shown = (await fixture.Broker.Admin.GetAsync("clients/" + id)).EnsureSuccess().Body!;
        Assert.True((bool)shown["connected"]!);
        Assert.Equal("listed/+", (string?)shown["subscriptions"]![0]!["filter"]);
        (await fixture.Broker.Admin.DeleteAsync("clients/" + id)).EnsureSuccess();

        Assert.Equal(0x98, (await client.ReadToCloseAsync())?.Reason);
    }

    private Task<RawMqttClient> ConnectAsync(ConnectPacket packet) =>
        RawMqttClient.ConnectAsync(fixture.Port, packet.ClientId.Length > 0 ? packet : packet with { ClientId = Unique.Name("raw") });

    /// <summary>CONNECT of a durable client with a credential of its own: anonymous sessions may be kept shorter.</summary>
    private async Task<ConnectPacket> DurableAsync(MqttVersion version)
    {
        var name = Unique.Name("durable");
        await fixture.Broker.Admin.CreateCredentialAsync(name, "a-long-password", ["#"], ["#"]);
        return new ConnectPacket
        {
            Version = version,
            ClientId = name,
            Username = name,
            Password = "a-long-password",
            Clean = version == MqttVersion.V500,
            SessionExpiry = version == MqttVersion.V500 ? 600u : null,
        };
    }
}
