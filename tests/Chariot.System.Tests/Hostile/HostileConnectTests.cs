using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

/// <summary>Bad, slow and refused CONNECTs.</summary>
public class HostileConnectTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    [Fact]
    public async Task FirstPacketOtherThanConnect_IsClosedAfterItsFirstByte()
    {
        foreach (var first in new byte[] { 0x30, 0x82, 0xC0, 0xE0, 0x00, 0xF0, (byte)'G', 0x16 })
        {
            await using var client = await RawMqttClient.DialAsync(fixture.Port);
            await client.SendAsync(new[] { first });

            Assert.Null(await client.ReadToCloseAsync(TimeSpan.FromSeconds(3)));
        }
    }

    [Fact]
    public async Task ConnectsDeclaring256MB_AreClosedAtTheHeader_AndCostNoMemory()
    {
        const int Count = 500;
        var before = ProcessUsage.ResidentBytes(fixture.Broker.Pid);
        List<RawMqttClient> clients = [];
        for (var i = 0; i < Count; i++)
        {
            var client = await RawMqttClient.DialAsync(fixture.Port);
            clients.Add(client);
            await client.SendAsync(new byte[] { 0x10, 0xFF, 0xFF, 0xFF, 0x7F });
        }

        foreach (var client in clients)
        {
            var last = await client.ReadToCloseAsync(TimeSpan.FromSeconds(5));
            Assert.True(last is null or { Type: PacketType.ConnAck, Reason: 0x95 }, $"{last}");
            await client.DisposeAsync();
        }

        // Room for what the process allocates anyway; one declared length alone would be 256 MB.
        Assert.InRange(ProcessUsage.ResidentBytes(fixture.Broker.Pid) - before, long.MinValue, 32L * 1024 * 1024 + (Count * 8192L));
    }

    [Fact]
    public async Task SlowConnectAndSilence_AreClosedAtTheConnectTimeout()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        (await broker.Admin.ChangeMqttSettingsAsync(settings => settings["limits"]!["connectTimeoutSeconds"] = 2)).EnsureSuccess();
        var started = Stopwatch.GetTimestamp();
        await using var silent = await RawMqttClient.DialAsync(broker.Ports.Mqtt);
        await using var slow = await RawMqttClient.DialAsync(broker.Ports.Mqtt);
        using var stop = new CancellationTokenSource();
        var trickle = TrickleAsync(slow, new ConnectPacket { ClientId = "slow-but-steady" }.Encode(), stop.Token);

        Assert.Null(await silent.ReadToCloseAsync());
        var silentFor = Stopwatch.GetElapsedTime(started);
        Assert.Null(await slow.ReadToCloseAsync());
        var slowFor = Stopwatch.GetElapsedTime(started);
        await stop.CancelAsync();
        await trickle;

        Assert.InRange(silentFor.TotalSeconds, 1.5, 5);
        Assert.InRange(slowFor.TotalSeconds, 1.5, 5);
    }

    [Fact]
    public async Task UnknownProtocolNameOrLevel_IsRefused() // [MQTT-3.1.2-1], [MQTT-3.1.2-2]
    {
        await EndsAsync(new ConnectPacket { Version = MqttVersion.V311, ProtocolName = "MQTX" }, answer => answer is null);
        await EndsAsync(new ConnectPacket { Version = MqttVersion.V311, ProtocolLevel = 6 }, answer => answer?.Body[1] is 0x01 or 0x84);
        await EndsAsync(new ConnectPacket { Version = MqttVersion.V311, ProtocolLevel = 2 }, answer => answer?.Body[1] is 0x01 or 0x84);
    }

    [Fact]
    public async Task Mqtt31_IsAccepted()
    {
        await using var client = await RawMqttClient.ConnectAsync(
            fixture.Port, new ConnectPacket { Version = MqttVersion.V311, ProtocolName = "MQIsdp", ProtocolLevel = 3, ClientId = Unique.Name("old") });
        await client.SubscribeAsync("old");
        await client.PublishAsync("old", "works");
        Assert.Equal("works", (await client.ReadPublishAsync()).PayloadText);
    }

    [Theory]
    [InlineData("reserved flag", 0x03)]
    [InlineData("will QoS 3", 0x1E)]
    [InlineData("will QoS without will", 0x0A)]
    [InlineData("will retain without will", 0x22)]
    public async Task WrongConnectFlags_AreMalformed(string what, int flags) // [MQTT-3.1.2-3], -11 to -15
    {
        Assert.NotEmpty(what);
        foreach (var version in new[] { MqttVersion.V311, MqttVersion.V500 })
        {
            var connect = new ConnectPacket { Version = version, ClientId = Unique.Name("flags"), Flags = flags, WillTopic = (flags & 4) != 0 ? "w" : null };
            await Hostility.IsRefusedAsMalformedAsync(fixture.Port, version, connect.Encode(), 0x81, 0x82);
        }
    }

    [Fact]
    public async Task PasswordWithoutAUsername_IsMalformedIn311_AndBadCredentialsIn5()
    {
        var connect = new ConnectPacket { Version = MqttVersion.V311, ClientId = Unique.Name("nameless"), Password = "x" };

        await Hostility.IsRefusedAsMalformedAsync(fixture.Port, MqttVersion.V311, connect.Encode());
        await Hostility.IsRefusedAsync(fixture.Port, connect with { Version = MqttVersion.V500 }, 0x04, 0x86);
    }

    [Fact]
    public async Task EmptyClientId_NeedsACleanSessionIn311_AndIsAssignedIn5() // [MQTT-3.1.3-8], [MQTT-3.1.3-7] of 5.0
    {
        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = MqttVersion.V311, Clean = false }, 0x02, 0x85);

        await using var first = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Clean = false });
        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket());
        var ids = new[] { first, second }.Select(client => client.ConnAck!.Property(PropertyId.AssignedClientIdentifier)).ToArray();
        Assert.All(ids, id => Assert.NotEmpty(Assert.IsType<string>(id)));
        Assert.NotEqual(ids[0], ids[1]);
        await using var old = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = MqttVersion.V311 });
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task ClientId_TooLongOrWithControlCharacters_IsRefused(MqttVersion version)
    {
        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = new string('x', 129) }, 0x02, 0x85);
        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = "a\r\nb" }, 0x02, 0x85);
        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = "a\u001Bb" }, 0x02, 0x85);
        await using var longest = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = new string('y', 128) });
    }

    [Theory]
    [InlineData(MqttVersion.V311)]
    [InlineData(MqttVersion.V500)]
    public async Task WhatFollowsARefusedConnect_IsNotProcessed(MqttVersion version) // [MQTT-3.1.4-5], 5.0 [MQTT-3.1.4-6]
    {
        var topic = Unique.Name("smuggled/");
        await using var observer = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("observer") });
        await observer.SubscribeAsync(topic);
        await using var client = await RawMqttClient.DialAsync(fixture.Port, version);
        var connect = new ConnectPacket { Version = version, ClientId = Unique.Name("intruder"), Username = "nobody", Password = "wrong" };

        await client.SendAsync(connect.Encode().Concat(Packets.Publish(version, topic, "smuggled")).ToArray());
        var last = await client.ReadToCloseAsync();

        Assert.Equal((PacketType.ConnAck, version == MqttVersion.V311 ? 0x04 : 0x86), (last?.Type, last?.Reason));
        Assert.Empty(await observer.DrainPublishesAsync());
    }

    private async Task EndsAsync(ConnectPacket connect, Predicate<ReceivedPacket?> expected)
    {
        var (client, answer) = await RawMqttClient.TryConnectAsync(fixture.Port, connect with { ClientId = Unique.Name("x") });
        await using (client)
        {
            Assert.True(expected(answer), $"{answer}");
            Assert.Null(answer is null ? null : await client.ReadAsync());
        }
    }

    private static async Task TrickleAsync(RawMqttClient client, byte[] bytes, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(300));
        try
        {
            foreach (var part in bytes)
            {
                await client.SendAsync(new[] { part });
                await timer.WaitForNextTickAsync(cancellation);
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // Closed by the broker: what this is for.
            return;
        }
    }
}
