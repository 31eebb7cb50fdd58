using System.Diagnostics;
using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.Cluster;

/// <summary>A silo is killed while publishers on another one go on: its durable sessions lose nothing, its wills are published once.</summary>
public class AdoptionTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task AKilledSilosSessions_GoOnElsewhere_WithEverything_AndItsWillsAreTold()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var nodes = new ClusterNodes("postgres", await server.CreateDatabaseAsync());
        var starting = new List<Task<BrokerProcess>>();
        for (var i = 0; i < 3; i++)
        {
            starting.Add(nodes.StartAsync($"node-{i}", "edge,admin", ("Chariot:Bootstrap:AllowAnonymous", "true")));
        }

        var brokers = await Task.WhenAll(starting);
        var packets = Enumerable.Range(1, 2).Select(qos => new ConnectPacket { ClientId = $"sub{qos}", Clean = false, Version = MqttVersion.V311 }).ToArray();
        for (var qos = 1; qos <= 2; qos++)
        {
            await using var subscriber = await RawMqttClient.ConnectAsync(brokers[1].Ports.Mqtt, packets[qos - 1]);
            await subscriber.SubscribeAsync("data/" + qos, qos);
            await subscriber.DisconnectAsync();
        }

        await using var heir = await RawMqttClient.ConnectAsync(brokers[0].Ports.Mqtt, new ConnectPacket { ClientId = "heir" });
        await heir.SubscribeAsync("will/#", 1);
        await using var testator = await RawMqttClient.ConnectAsync(brokers[1].Ports.Mqtt, new ConnectPacket { ClientId = "testator", WillTopic = "will/1", WillPayload = Encoding.UTF8.GetBytes("gone"), WillQos = 1 });
        await using var publisher = await RawMqttClient.ConnectAsync(brokers[0].Ports.Mqtt, new ConnectPacket { ClientId = "publisher" });

        // Nobody adopts this one: it dies with its silo.
        await using var fleeting = await RawMqttClient.ConnectAsync(brokers[1].Ports.Mqtt, new ConnectPacket { ClientId = "fleeting" });
        await fleeting.SubscribeAsync("fleeting/#", 2);
        await using var other = await RawMqttClient.ConnectAsync(brokers[0].Ports.Mqtt, new ConnectPacket { ClientId = "other" });
        var toTransient = Task.FromResult(TimeSpan.Zero);
        var toDurable = TimeSpan.Zero;

        const int Count = 60;
        for (var i = 0; i < Count; i++)
        {
            if (i == Count / 2)
            {
                await brokers[1].Kill9Async();
                toTransient = TimeAsync(() => PublishBothAsync(other));
            }

            var began = Stopwatch.GetTimestamp();

            // Acknowledged only when the session is adopted, once its silo is dead.
            await PublishAsync(publisher, "data/1", $"{i}", 1);
            await PublishAsync(publisher, "data/2", $"{i}", 2);
            toDurable = TimeSpan.FromTicks(Math.Max(toDurable.Ticks, Stopwatch.GetElapsedTime(began).Ticks));
        }

        // Bounded by the patience of PublishAsync.
        Drill.Report(FormattableString.Invariant($"kill -9: a publisher to a transient subscriber there was acknowledged after {(await toTransient).TotalSeconds:0.0} s, one to durable subscribers after {toDurable.TotalSeconds:0.0} s"));

        for (var qos = 1; qos <= 2; qos++)
        {
            await using var subscriber = await RawMqttClient.ConnectAsync(brokers[2].Ports.Mqtt, packets[qos - 1]);
            Assert.True(subscriber.ConnAck!.SessionPresent);
            var received = new List<string>();
            while (!received.Contains($"{Count - 1}"))
            {
                received.Add((await subscriber.ReadPublishAsync(Long)).PayloadText);
            }

            Assert.Equal(Enumerable.Range(0, Count).Select(i => $"{i}"), qos == 1 ? received.Distinct() : received);
        }

        Assert.Equal("gone", (await heir.ReadPublishAsync(Long)).PayloadText);
        Assert.Empty(await heir.DrainPublishesAsync());
    }

    private static async Task PublishBothAsync(RawMqttClient publisher)
    {
        await PublishAsync(publisher, "fleeting/1", "nobody", 1);
        await PublishAsync(publisher, "fleeting/2", "nobody", 2);
    }

    private static async Task<TimeSpan> TimeAsync(Func<Task> work)
    {
        var began = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(began);
    }

    private static async Task PublishAsync(RawMqttClient publisher, string topic, string payload, int qos)
    {
        var id = publisher.NextPacketId();
        await publisher.SendAsync(Packets.Publish(MqttVersion.V500, topic, payload, qos, id));
        if (qos == 1)
        {
            Assert.InRange((await publisher.WaitForAsync(PacketType.PubAck, Long)).Reason, 0, 0x7F);
            return;
        }

        Assert.InRange((await publisher.WaitForAsync(PacketType.PubRec, Long)).Reason, 0, 0x7F);
        await publisher.SendAsync(Packets.Acknowledge(PacketType.PubRel, id));
        await publisher.WaitForAsync(PacketType.PubComp, Long);
    }
}
