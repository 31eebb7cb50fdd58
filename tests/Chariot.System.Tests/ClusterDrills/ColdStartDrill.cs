using System.Diagnostics;
using System.Globalization;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>All silos start at once on a store with durable sessions, and the publishers are there first.</summary>
public class ColdStartDrill
{
    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task PublishersThatConnectFirst_MissNoDurableSession(string store)
    {
        var sessions = Drill.Pick(60, 1000);
        await using var cluster = await DrillCluster.StartAsync(store);
        await Parallel.ForEachAsync(Enumerable.Range(0, sessions), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var subscriber = await RawMqttClient.ConnectAsync(cluster.Port(i % 3), Session(i));
            Assert.Equal(1, await subscriber.SubscribeAsync(i % 2 == 0 ? $"cold/{i}/topic" : $"cold/{i}/#", 1));
            await subscriber.DisconnectAsync();
        });

        await Task.WhenAll(cluster.Nodes.Select(node => node.Kill9Async()));
        var started = Stopwatch.GetTimestamp();
        var starting = Task.WhenAll(cluster.Nodes.Select(node => node.StartAgainAsync()));
        var published = await Task.WhenAll(Enumerable.Range(0, 3).Select(node => PublishFirstAsync(cluster.Port(node), node, sessions)));
        await starting;
        var ready = Stopwatch.GetElapsedTime(started).TotalSeconds;

        var (missed, again) = (0, 0);
        await Parallel.ForEachAsync(Enumerable.Range(0, sessions), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            // Somewhere else than before.
            await using var subscriber = await PatientClient.ConnectAsync(cluster.Port((i + 1) % 3), Session(i), notYet: () => Interlocked.Increment(ref again));
            var got = new HashSet<string>();
            try
            {
                while (got.Count < 3)
                {
                    got.Add((await subscriber.ReadPublishAsync(TimeSpan.FromSeconds(30))).PayloadText);
                }
            }
            catch (TimeoutException)
            {
                Interlocked.Add(ref missed, 3 - got.Count);
            }
        });
        Drill.Report(FormattableString.Invariant(
            $"cold start ({store}): {sessions} durable offline sessions, all nodes ready after {ready:0.0} s, {published.Sum()} messages acknowledged to publishers that came first, missed {missed}; CONNECTs elsewhere that had to be repeated {again}"));
        Assert.Equal(3 * sessions, published.Sum());
        Assert.Equal(0, missed);
    }

    private static ConnectPacket Session(int i) => new() { ClientId = "cold" + i.ToString(CultureInfo.InvariantCulture), Clean = false, SessionExpiry = 3600 };

    /// <summary>Knocks until the node lets it in, then publishes at once to every session.</summary>
    private static async Task<int> PublishFirstAsync(int port, int node, int sessions)
    {
        await using var publisher = await PatientClient.ConnectAsync(port, new ConnectPacket { ClientId = $"first{node}", KeepAlive = 0 });
        for (var i = 0; i < sessions; i++)
        {
            Assert.InRange(await publisher.PublishAsync($"cold/{i}/topic", $"{node}", 1), 0, 0x7F);
        }

        return sessions;
    }
}
