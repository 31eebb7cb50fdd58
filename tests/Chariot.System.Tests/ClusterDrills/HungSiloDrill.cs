using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>SIGSTOP of a silo until the others have found it dead, then SIGCONT: what it still holds is nobody's any more.</summary>
public class HungSiloDrill
{
    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task ASiloThatWakes_DeliversNothing_AndAcknowledgesNothingThatIsLost(string store)
    {
        var hang = Drill.Pick(15, 30);
        await using var cluster = await DrillCluster.StartAsync(store);
        await using var load = await ClusterLoad.StartAsync(cluster, Drill.Pick(200, 1000), silence: 3);
        await load.FlowAsync(200);
        var moved = new ConnectPacket { ClientId = "moved", Clean = false, SessionExpiry = 3600, KeepAlive = 0 };
        await using var stale = await RawMqttClient.ConnectAsync(cluster.Port(0), moved);
        await stale.SubscribeAsync("moved/#", 1);
        await using var stalePublisher = await RawMqttClient.ConnectAsync(cluster.Port(0), new ConnectPacket { ClientId = "stale-publisher", KeepAlive = 0 });
        await using var publisher = await RawMqttClient.ConnectAsync(cluster.Port(1), new ConnectPacket { ClientId = "publisher", KeepAlive = 0 });
        await publisher.PublishAsync("moved/before", "before", 1);
        Assert.Equal("before", (await stale.ReadPublishAsync()).PayloadText);

        load.Journal.ForgetGaps();
        cluster[0].Suspend();
        var stopped = Stopwatch.GetTimestamp();
        // Waits in its socket for the time when it wakes: the work of a client that has gone elsewhere, and of one that has not.
        await stale.SendAsync(Packets.Publish(stale.Version, "moved/late", "stale", 1, 77));
        await stalePublisher.SendAsync(Packets.Publish(stale.Version, "moved/late", "late", 1, 78));
        await load.FlowAsync(300);
        var served = load.LongestGap();
        await using var owner = await PatientClient.ConnectAsync(cluster.Port(2), moved);
        Assert.True(owner.ConnAck!.SessionPresent);
        for (var i = 0; i < 50; i++)
        {
            await publisher.PublishAsync($"moved/{i}", $"{i}", 1);
            ReceivedPacket next;
            do
            {
                // The silo may have stopped before it had read the acknowledgement of the first.
                next = await owner.ReadPublishAsync(TimeSpan.FromSeconds(30));
            }
            while (next.PayloadText == "before");
            Assert.Equal($"{i}", next.PayloadText);
        }

        var left = TimeSpan.FromSeconds(hang) - Stopwatch.GetElapsedTime(stopped);
        await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        cluster[0].Resume();

        var fromStale = await EverythingAsync(stale);
        var toStalePublisher = await EverythingAsync(stalePublisher);
        var code = await cluster[0].WaitForExitAsync(60);
        await publisher.PublishAsync("moved/after", "after", 1);
        var delivered = new List<string>();
        while (!delivered.Contains("after"))
        {
            delivered.Add((await owner.ReadPublishAsync(TimeSpan.FromSeconds(30))).PayloadText);
        }

        await cluster[0].StartAgainAsync();
        await load.FlowAsync(200);
        var report = await load.FinishAsync();
        Drill.Report(
            $"SIGSTOP {hang} s, SIGCONT ({store}): others without service {served}; the old owner sent {fromStale.Count(packet => packet.Type == PacketType.Publish)} messages, acknowledged {fromStale.Count(packet => packet.Type == PacketType.PubAck)} of the client that had moved and "
            + $"{toStalePublisher.Count(packet => packet.Type == PacketType.PubAck)} of one that had not; ended with code {code}; {load.Rate}; {report}");
        Assert.DoesNotContain(fromStale, packet => packet.Type is PacketType.Publish or PacketType.PubAck);
        Assert.DoesNotContain("stale", delivered);
        // Acknowledged means delivered, whoever did it.
        Assert.True(delivered.Contains("late") || toStalePublisher.All(packet => packet.Type != PacketType.PubAck), "an acknowledged message is lost");
        Assert.True(report.IsClean, report + cluster.Complaints());
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task WithoutItsStore_TheClusterServesItsClients_AndRecoversByItself(string store)
    {
        var away = TimeSpan.FromSeconds(Drill.Pick(8, 20));
        await using var cluster = await DrillCluster.StartAsync(store);
        await using var load = await ClusterLoad.StartAsync(cluster, 100);
        await load.FlowAsync(100);
        var connect = new ConnectPacket { ClientId = "subscriber", Clean = false, SessionExpiry = 300, KeepAlive = 0 };
        await using var subscriber = await RawMqttClient.ConnectAsync(cluster.Port(0), connect);
        await using var publisher = await RawMqttClient.ConnectAsync(cluster.Port(1), new ConnectPacket { ClientId = "publisher", KeepAlive = 0 });
        await subscriber.SubscribeAsync("through/1", 1);
        await subscriber.SubscribeAsync("through/0", 0);

        await cluster.StopStoreAsync();
        var started = Stopwatch.GetTimestamp();
        var (sent, acknowledged, slowest) = (0, 0, TimeSpan.Zero);
        while (Stopwatch.GetElapsedTime(started) < away)
        {
            var at = Stopwatch.GetTimestamp();
            await publisher.PublishAsync("through/0", $"{sent}");
            Assert.Equal($"{sent}", (await subscriber.ReadPublishAsync(TimeSpan.FromSeconds(20))).PayloadText);
            var puback = publisher.PublishAsync("through/1", $"{sent}", 1);
            Assert.Equal($"{sent++}", (await subscriber.ReadPublishAsync(TimeSpan.FromSeconds(20))).PayloadText);
            // A message that met the subscriber more than 20 ms late waits for the store.
            if (await Task.WhenAny(puback, Task.Delay(TimeSpan.FromSeconds(2))) == puback)
            {
                acknowledged++;
                slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(at).Ticks));
            }
            else
            {
                break;
            }
        }

        var left = away - Stopwatch.GetElapsedTime(started);
        await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        await cluster.StartStoreAsync();
        var back = Stopwatch.GetTimestamp();
        await using var newcomer = await PatientClient.ConnectAsync(cluster.Port(2), new ConnectPacket { ClientId = "newcomer", Clean = false, SessionExpiry = 300 });
        var connected = Stopwatch.GetElapsedTime(back).TotalSeconds;
        await load.FlowAsync(200);
        var report = await load.FinishAsync();
        Drill.Report(FormattableString.Invariant(
            $"store away for {away.TotalSeconds:0} s ({store}): {sent} QoS 0 and QoS 1 messages came through meanwhile, {acknowledged} acknowledged, slowest {slowest.TotalMilliseconds:0} ms; a new client connected {connected:0.0} s after its return; {load.Rate}; {report}"));
        Assert.True(sent > 0 && acknowledged > 0);
        Assert.All(cluster.Nodes, node => Assert.False(node.HasExited));
        Assert.True(report.IsClean, report + cluster.Complaints());
    }

    /// <summary>All packets up to the end of the connection.</summary>
    private static async Task<List<ReceivedPacket>> EverythingAsync(RawMqttClient client)
    {
        var packets = new List<ReceivedPacket>();
        while (await client.ReadAsync(TimeSpan.FromSeconds(60)) is { } packet)
        {
            packets.Add(packet);
        }

        return packets;
    }
}
