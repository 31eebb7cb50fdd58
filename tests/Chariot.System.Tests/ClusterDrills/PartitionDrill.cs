using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Journals;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>
/// Three silos on hosts of their own; the cable of one is pulled, PostgreSQL stays with the other two. Clients and administrators go on on both sides. When the cable is
/// back, everything mends itself.
/// </summary>
public class PartitionDrill
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [NamespaceFact]
    public async Task APartition_LosesNothingAcknowledged_AndMendsItself()
    {
        var cut = TimeSpan.FromSeconds(Drill.Pick(15, 60));
        await using var cluster = await PartitionCluster.StartAsync();
        // A client stays on its side: it has one broker only.
        await using var load = await ClusterLoad.StartAsync(
            (node, name) => new DurableClientOptions(cluster.Port(node), name) { SilenceSeconds = 3, ReconnectSeconds = 600 }, Drill.Pick(100, 300), qos: 1, publishers: 6, limitSeconds: 900);
        await load.FlowAsync(100);
        var moving = new ConnectPacket { ClientId = "moving", Clean = false, SessionExpiry = 3600, KeepAlive = 0 };
        await using var left = await RawMqttClient.ConnectAsync(cluster.Port(2), moving);
        Assert.Equal(1, await left.SubscribeAsync("moving/#", 1));

        load.Journal.ForgetGaps();
        await cluster.Network.UnplugAsync(2);
        var started = Stopwatch.GetTimestamp();
        using var over = new CancellationTokenSource(cut);
        var probing = Enumerable.Range(0, 3).Select(node => new SideProbe(cluster, node, started)).ToArray();
        await Task.WhenAll(probing.Select(probe => probe.RunAsync(over.Token)).Append(MoveAsync(cluster.Port(0), moving)));

        await cluster.Network.PlugAsync(2);
        var healed = Stopwatch.GetTimestamp();
        await RoutesAsync(cluster);
        var routes = Stopwatch.GetElapsedTime(healed).TotalSeconds;
        await load.FlowAsync(100, 240);
        var flowing = Stopwatch.GetElapsedTime(healed).TotalSeconds;
        await cluster.AllActiveAsync();
        await NothingIsBlockedAsync(cluster, [.. probing.SelectMany(probe => probe.ClientIds.TakeLast(5)), "moving"]);
        var missing = await MissingAsync(cluster, probing);
        var report = await load.FinishAsync(240);

        Drill.Report($"partition 2|1 for {cut.TotalSeconds:0} s (postgres with the two): {string.Join("; ", probing.Select(probe => probe.ToString()))}");
        Drill.Report(FormattableString.Invariant(
            $"partition healed: every route in {routes:0.0} s, every client served in {flowing:0.0} s; the cut silo ended {cluster.Restarts.Count} times (codes {string.Join(", ", cluster.Restarts)}) and its supervisor started it; acknowledged on either side and missing {missing.Count}; {load.Rate}; {report}"));
        Assert.Empty(missing);
        Assert.True(report.IsClean, report + cluster.Complaints());
        Assert.All(probing.Take(2), probe => Assert.True(probe.Served > 0, "the side with the store served nobody\n" + cluster.Complaints()));
        Assert.True(probing[2].LastServed < TimeSpan.FromSeconds(10), $"the side without the store still served after {probing[2].LastServed.TotalSeconds:0.0} s");
    }

    /// <summary>A client of the cut side goes to the other one, and finds its session there once the silo is known to be dead.</summary>
    private static async Task MoveAsync(int port, ConnectPacket packet)
    {
        await using var client = await PatientClient.ConnectAsync(port, packet);
        Assert.True(client.ConnAck!.SessionPresent);
        await client.PublishAsync("moving/here", "here", 1);
        Assert.Equal("here", (await client.ReadPublishAsync(Long)).PayloadText);
    }

    /// <summary>From each silo to each other one, with a filter that nobody had before.</summary>
    private static async Task RoutesAsync(PartitionCluster cluster)
    {
        for (var to = 0; to < 3; to++)
        {
            for (var from = 0; from < 3; from++)
            {
                // The silo may end once more under the test's hands before it is back for good.
                var topic = $"healed/{from}/{to}";
                await Eventually.TrueAsync(() => SideProbe.TryAsync(async () =>
                {
                    await using var subscriber = await RawMqttClient.ConnectAsync(cluster.Port(to), new ConnectPacket { ClientId = $"to{from}{to}" });
                    await using var publisher = await RawMqttClient.ConnectAsync(cluster.Port(from), new ConnectPacket { ClientId = $"from{from}{to}" });
                    Assert.Equal(1, await subscriber.SubscribeAsync(topic + "/+", 1));
                    await publisher.PublishAsync(topic + "/x", "x", 1);
                    await subscriber.ReadPublishAsync();
                }), $"the route from {from} to {to}", 180);
            }
        }
    }

    /// <summary>Every id that was used during the partition is accepted everywhere.</summary>
    private static async Task NothingIsBlockedAsync(PartitionCluster cluster, IReadOnlyList<string> clientIds)
    {
        for (var node = 0; node < 3; node++)
        {
            foreach (var clientId in clientIds)
            {
                await using var client = await PatientClient.ConnectAsync(cluster.Port(node), new ConnectPacket { ClientId = clientId, Clean = false, SessionExpiry = clientId == "moving" ? 3600u : 0, KeepAlive = 0 });
                Assert.True(clientId != "moving" || client.ConnAck!.SessionPresent);
            }
        }
    }

    private static async Task<List<string>> MissingAsync(PartitionCluster cluster, SideProbe[] probing)
    {
        var missing = new List<string>();
        for (var node = 0; node < 3; node++)
        {
            await using var reader = await PatientClient.ConnectAsync(cluster.Port(node), new ConnectPacket { ClientId = $"reader{node}" });
            Assert.Equal(0, await reader.SubscribeAsync("written/#"));
            var expected = probing.SelectMany(probe => probe.Written).ToHashSet();
            // Retained messages come behind SUBACK at the broker's pace; a PINGRESP may overtake them.
            while (expected.Count > 0 && await NextAsync(reader) is { } topic)
            {
                expected.Remove(topic);
            }

            missing.AddRange(expected.Select(topic => $"{topic} on node {node}"));
            foreach (var user in probing.SelectMany(probe => probe.Credentials))
            {
                await using var signedIn = await PatientClient.ConnectAsync(cluster.Port(node), new ConnectPacket { ClientId = $"{user}-{node}", Username = user, Password = SideProbe.Password });
            }
        }

        return missing;
    }

    /// <summary>Null when nothing comes any more.</summary>
    private static async Task<string?> NextAsync(RawMqttClient reader)
    {
        try
        {
            return (await reader.ReadPublishAsync(TimeSpan.FromSeconds(20))).Topic;
        }
        catch (TimeoutException)
        {
            return null;
        }
    }
}
