using System.Collections.Concurrent;
using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>kill -9 of a silo, a restart of all silos one by one, and both under QoS 1 with durable subscribers on every silo.</summary>
public class SiloKillDrill
{
    private const int Wills = 5;
    private readonly Random _random = new(Drill.Seed);

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task KillOfASilo_LosesNothingAcknowledged_AndPublishesEachWillOnce(string store)
    {
        var kills = Drill.Pick(1, store == "postgres" ? 4 : 2);
        await using var cluster = await DrillCluster.StartAsync(store);
        await using var load = await ClusterLoad.StartAsync(cluster, Drill.Pick(300, store == "postgres" ? 5000 : 500));
        var wills = new ConcurrentDictionary<string, int>();
        var gaps = new List<string>();
        await load.FlowAsync(Flow(200, 10_000, store));
        for (var kill = 0; kill < kills; kill++)
        {
            var victim = _random.Next(3);
            using var watchEnds = new CancellationTokenSource();
            await using var watcher = await RawMqttClient.ConnectAsync(cluster.Port((victim + 1) % 3), new ConnectPacket { ClientId = "watcher" });
            await watcher.SubscribeAsync("wills/#", 1);
            var mortals = new List<RawMqttClient>();
            for (var i = 0; i < Wills; i++)
            {
                // With a session that outlives the connection, and without.
                mortals.Add(await RawMqttClient.ConnectAsync(cluster.Port(victim), new ConnectPacket
                {
                    ClientId = $"mortal{i}", SessionExpiry = i % 2 == 0 ? 0u : 300u, WillTopic = $"wills/{kill}/{i}", WillQos = 1, KeepAlive = 0,
                }));
            }

            load.Journal.ForgetGaps();
            await cluster[victim].Kill9Async();
            await load.FlowAsync(Flow(300, 10_000, store));
            gaps.Add(load.LongestGap());
            for (var i = 0; i < Wills; i++)
            {
                var topic = (await watcher.ReadPublishAsync(TimeSpan.FromSeconds(60))).Topic;
                wills.AddOrUpdate(topic, 1, (_, count) => count + 1);
            }

            await cluster[victim].StartAgainAsync();
            await load.FlowAsync(Flow(200, 10_000, store));
            foreach (var again in await watcher.DrainPublishesAsync())
            {
                wills.AddOrUpdate(again.Topic, 1, (_, count) => count + 1);
            }

            foreach (var mortal in mortals)
            {
                await mortal.DisposeAsync();
            }
        }

        var report = await load.FinishAsync();
        Drill.Report($"kill -9 of a silo ({store}): {kills} kills, longest time without service {string.Join(", ", gaps)}; wills {wills.Count} of {kills * Wills}, more than once {wills.Count(will => will.Value > 1)}; {load.Rate}; {report}; seed {Drill.Seed}");
        Assert.True(report.IsClean, report + cluster.Complaints());
        Assert.Equal(kills * Wills, wills.Count);
        Assert.All(wills, will => Assert.Equal(1, will.Value));
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task ARollingRestart_LosesNothingAcknowledged(string store)
    {
        await using var cluster = await DrillCluster.StartAsync(store);
        await using var load = await ClusterLoad.StartAsync(cluster, Drill.Pick(300, store == "postgres" ? 3000 : 500));
        var rounds = Drill.Pick(1, store == "postgres" ? 2 : 1);
        var gaps = new List<string>();
        var stops = new List<string>();
        await load.FlowAsync(Flow(200, 5000, store));
        for (var i = 0; i < rounds * 3; i++)
        {
            load.Journal.ForgetGaps();
            var started = Stopwatch.GetTimestamp();
            var code = await cluster[i % 3].StopAsync();
            Assert.True(code == 0, $"a drained silo ended with code {code}\n{cluster.Complaints()}");
            stops.Add(FormattableString.Invariant($"{Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s"));
            await cluster[i % 3].StartAgainAsync();
            await load.FlowAsync(Flow(300, 5000, store));
            gaps.Add(load.LongestGap());
        }

        var report = await load.FinishAsync();
        Drill.Report($"rolling restart ({store}): longest time without service per restart {string.Join(", ", gaps)}; drained in {string.Join(", ", stops)}; {load.Rate}; {report}");
        Assert.True(report.IsClean, report + cluster.Complaints());
    }

    /// <summary>The emulator is the limit with the store in Azurite: a tenth of the messages takes as long.</summary>
    private static int Flow(int brief, int full, string store) => Drill.Pick(brief, store == "postgres" ? full : full / 10);
}
