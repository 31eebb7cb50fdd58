using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Sections 3.1.2.4, 3.1.2.10, 3.2.2.1, 4.1: what is kept, for how long, and who owns it.</summary>
public class SessionTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-4", "3:3.1.2-5", "3:3.1.3-2", "3:3.1.4-3", "3:3.2.2-2", "3:3.2.2-3", "3:4.1.0-1", "3:4.5.0-1")]
    [Normative("5:3.1.2-5", "5:3.1.2-6", "5:3.1.2-23", "5:3.1.3-2", "5:3.1.4-4", "5:3.2.2-3", "5:4.1.0-1", "5:4.5.0-1")]
    public async Task CleanStart0_CreatesASession_ThatIsKeptAndResumed(MqttVersion version)
    {
        var id = Name("durable");
        await using (var first = await ConnectDurableAsync(version, id))
        {
            Assert.False(first.ConnAck!.SessionPresent);
            await first.SubscribeAsync(id + "/+", 2);
        }

        await PublishFromElsewhereAsync(id + "/1", "while away", version: version);
        await using var back = await ConnectDurableAsync(version, id);
        Assert.True(back.ConnAck!.SessionPresent);
        Assert.Equal("while away", (await back.ReadPublishAsync()).PayloadText);
        // The subscription is part of what was kept.
        await PublishFromElsewhereAsync(id + "/2", "live");
        Assert.Equal("live", (await back.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-6", "3:3.1.4-3", "3:3.2.2-1", "3:3.2.2-3", "5:3.1.2-4", "5:3.1.4-4", "5:3.2.2-2", "5:3.2.2-3")]
    public async Task CleanStart1_DiscardsWhatWasThere_AndInTheOldProtocolLeavesNothing(MqttVersion version)
    {
        var id = Name("clean");
        await using (var first = await ConnectDurableAsync(version, id))
        {
            await first.SubscribeAsync(id, 1);
        }

        await PublishFromElsewhereAsync(id, "lost with the session");
        await using (var clean = await ConnectAsync(version, new ConnectPacket { ClientId = id }))
        {
            Assert.False(clean.ConnAck!.SessionPresent);
            await PublishFromElsewhereAsync(id, "nobody has subscribed");
            Assert.Empty(await clean.DrainPublishesAsync());
            await clean.DisconnectAsync();
        }

        await using var back = await ConnectDurableAsync(version, id);
        Assert.False(back.ConnAck!.SessionPresent);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.4-2", "3:3.1.3-2", "5:3.1.4-3", "5:3.14.2-1", "5:4.13.2-1")]
    public async Task SecondConnection_WithTheSameClientId_EndsTheFirst(MqttVersion version)
    {
        var id = Name("taken");
        await using var first = await ConnectAsync(version, new ConnectPacket { ClientId = id });
        await using var second = await ConnectAsync(version, new ConnectPacket { ClientId = id });

        await IsClosedAsync(first, 0x8E);
        await second.SendAsync(Packets.PingReq);
        await second.WaitForAsync(PacketType.PingResp);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.1.0-2", "5:4.1.0-1")]
    public async Task Session_LastsAsLongAsItsConnection_WhateverItsExpiry(MqttVersion version)
    {
        var id = Name("long");
        await using var client = await ConnectAsync(version, new ConnectPacket { ClientId = id, SessionExpiry = version == V500 ? 1u : null });
        await client.SubscribeAsync(id, 1);
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < 2.5)
        {
            await PublishFromElsewhereAsync(id, "still here");
            Assert.Equal("still here", (await client.ReadPublishAsync()).PayloadText);
            await Task.Delay(500);
        }
    }

    [Fact]
    [Normative("5:4.1.0-2", "5:3.1.2-23", "5:3.2.2-3")]
    public async Task Session_EndsOnceItsExpiryHasPassedSinceTheConnectionClosed()
    {
        var id = Name("expires");
        await using (var first = await ConnectAsync(V500, new ConnectPacket { ClientId = id, Clean = false, SessionExpiry = 2 }))
        {
            await first.DisconnectAsync();
        }

        await using (var soon = await ConnectAsync(V500, new ConnectPacket { ClientId = id, Clean = false, SessionExpiry = 1 }))
        {
            Assert.True(soon.ConnAck!.SessionPresent);
            await soon.DisconnectAsync();
        }

        await Eventually.TrueAsync(
            async () =>
            {
                // Longer than the expiry apart, or each attempt would renew the session.
                await Task.Delay(2000);
                await using var late = await ConnectAsync(V500, new ConnectPacket { ClientId = id, Clean = false, SessionExpiry = 1 });
                return !late.ConnAck!.SessionPresent;
            },
            "the end of the session", 40);
    }

    [Fact]
    [Normative("5:4.1.0-2", "5:3.2.2-3")]
    public async Task Disconnect_MayLowerTheExpiry_ButNotRaiseItFromZero()
    {
        var id = Name("lower");
        await using (var client = await ConnectDurableAsync(V500, id))
        {
            await client.DisconnectAsync(0, sessionExpiry: 0);
        }

        await using (var back = await ConnectAsync(V500, new ConnectPacket { ClientId = id, Clean = false }))
        {
            Assert.False(back.ConnAck!.SessionPresent);
            await back.SendAsync(Packets.Disconnect(V500, 0, sessionExpiry: 60));
            await IsClosedAsync(back, 0x82);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-24", "5:3.1.2-22", "5:3.2.2-22", "5:3.14.2-1")]
    public async Task SilentClient_IsDisconnected_AfterOneAndAHalfTimesItsKeepAlive(MqttVersion version)
    {
        await using var client = await ConnectAsync(version, new ConnectPacket { KeepAlive = 2 });
        Assert.Null(client.ConnAck!.Property(PropertyId.ServerKeepAlive));
        var started = Stopwatch.GetTimestamp();
        var last = await client.ReadToCloseAsync(TimeSpan.FromSeconds(40));
        Assert.True(Stopwatch.GetElapsedTime(started).TotalSeconds > 2.5, "closed early");
        Assert.Equal(version == V500 ? 0x8D : null, last?.Reason);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-24", "5:3.1.2-22")]
    public async Task AnyPacket_ShowsThatTheClientLives(MqttVersion version)
    {
        var topic = Name("alive/");
        await using var client = await ConnectAsync(version, new ConnectPacket { KeepAlive = 2 });
        await using var watcher = await ConnectAsync(V500);
        await watcher.SubscribeAsync(topic);
        for (var i = 0; i < 6; i++)
        {
            await client.PublishAsync(topic, $"{i}");
            Assert.Equal($"{i}", (await watcher.ReadPublishAsync()).PayloadText);
            await Task.Delay(800);
        }

        Assert.Empty(await client.DrainPublishesAsync());
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.12.4-1", "5:3.12.4-1")]
    public async Task PingReq_IsAnsweredEachTime(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        await client.SendAsync((byte[])[.. Packets.PingReq, .. Packets.PingReq, .. Packets.PingReq]);
        for (var i = 0; i < 3; i++)
        {
            var answer = await client.ReadAsync();
            Assert.True(answer is { Type: PacketType.PingResp, Flags: 0, Body.Length: 0 }, $"{answer}");
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:4.8.0-1", "5:3.14.4-1", "5:3.14.4-2", "5:3.14.2-1", "5:3.14.2-2", "5:4.13.1-1", "5:4.13.2-1")]
    public async Task AfterAnError_TheServerClosesBehindItsDisconnect_WhichHasNoSessionExpiry(MqttVersion version)
    {
        await using var client = await ConnectDurableAsync(version, Name("error"));
        await client.SendAsync((byte[])[0xD0, 0x00, .. Packets.PingReq]);
        var first = await client.ReadAsync();
        if (version == V311)
        {
            Assert.Null(first);
            return;
        }

        Assert.True(first is { Type: PacketType.Disconnect, Reason: 0x82 }, $"{first}");
        Assert.Null(first.Property(PropertyId.SessionExpiryInterval));
        Assert.Null(await client.ReadAsync());
    }

    [Fact]
    [Normative("5:3.14.2-1", "5:4.13.1-1")]
    public async Task Disconnect_WithAReasonThatIsNotListed_IsAnError()
    {
        await using var client = await ConnectAsync();
        await client.SendAsync(Packets.Disconnect(V500, 0x03));
        Assert.True(await client.ReadToCloseAsync() is { Type: PacketType.Disconnect, Reason: 0x81 or 0x82 });
    }

    [Fact]
    [Normative("5:3.1.2-24", "5:3.1.2-25", "5:3.14.2-3")]
    public async Task PacketsAboveTheClientsMaximum_AreDropped_AndTheFlowGoesOn()
    {
        var topic = Name("max/");
        await using var client = await ConnectAsync(V500, new ConnectPacket { Properties = Property(PropertyId.MaximumPacketSize).FourBytes(100).Byte((int)PropertyId.ReceiveMaximum).TwoBytes(1) });
        await client.SubscribeAsync(topic, 2);
        await using var publisher = await ConnectAsync();
        foreach (var qos in new[] { 0, 1, 2 })
        {
            await publisher.PublishAsync(topic, new string('x', 200), qos);
            await publisher.PublishAsync(topic, $"small {qos}", qos);
            // The window of one is free again: the dropped packet counts as sent.
            Assert.Equal($"small {qos}", (await client.ReadPublishAsync()).PayloadText);
        }

        // The whole packet counts: this one has 100 bytes, the next 101.
        var room = 100 - 2 - 2 - topic.Length - 1;
        await publisher.PublishAsync(topic, new string('y', room), 0);
        await publisher.PublishAsync(topic, new string('z', room + 1), 0);
        await publisher.PublishAsync(topic, "end", 1);
        Assert.Equal(room, (await client.ReadPublishAsync()).Payload.Length);
        Assert.Equal("end", (await client.ReadPublishAsync()).PayloadText);
        await client.SendAsync(new byte[] { 0xD0, 0x00 });
        Assert.True((await client.ReadToCloseAsync())!.Body.Length + 2 <= 100);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("5:3.2.2-15", "3:4.8.0-2")]
    public async Task PacketAboveTheServersMaximum_ClosesTheConnection(MqttVersion version)
    {
        await using var client = await ConnectAsync();
        var maximum = (int)Assert.IsType<uint>(client.ConnAck!.Property(PropertyId.MaximumPacketSize));
        await EndsAsync(version, Packets.Publish(version, "a", new byte[maximum]), 0x95);
    }
}
