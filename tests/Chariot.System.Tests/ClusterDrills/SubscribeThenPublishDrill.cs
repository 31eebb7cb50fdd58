using System.Collections.Concurrent;
using System.Globalization;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>
/// What is published on one silo as soon as a client of another has read its SUBACK arrives, with a filter that nobody had before, while
/// silos join and leave; and what is retained at about the time of a SUBSCRIBE arrives live or as a retained message.
/// </summary>
public class SubscribeThenPublishDrill
{
    private static readonly TimeSpan Arrival = TimeSpan.FromSeconds(30);
    private readonly ConcurrentQueue<string> _missed = new();
    private int _refused;
    private int _done;

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task APublishBehindSubAck_IsNeverMissed(string store)
    {
        var count = Drill.Pick(300, 10_000);
        await using var cluster = await DrillCluster.StartAsync(store);
        using var over = new CancellationTokenSource();
        var churning = Drill.IsLong || store == "postgres" ? ChurnAsync(cluster, over.Token) : Task.FromResult(0);

        // Half of the publishers are processes of their own; the others share one with the subscribers, and publish sooner after SUBACK.
        var publishers = Enumerable.Range(0, 3).Select(i => new ExternalPublisher(cluster.Port(i), Unique.Name("outside"))).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(lane => LaneAsync(cluster, lane, count / 4, publishers: lane % 2 == 0 ? publishers : null)));
        foreach (var publisher in publishers)
        {
            await publisher.DisposeAsync();
        }

        await over.CancelAsync();
        var churns = await churning;

        Drill.Report($"subscribe then publish ({store}): {_done} times on different silos, half of them wildcards, half from another process, {churns} joins and leaves meanwhile, missed {_missed.Count}, SUBSCRIBE refused {_refused}, seed {Drill.Seed}");
        Assert.Empty(_missed);
        Assert.Equal(count, _done);
        Assert.Equal(0, _refused);
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task ARetainedMessage_AboutTheTimeOfASubscribe_IsNeverMissed(string store)
    {
        // The emulator's disk is the limit there, and takes the same paths.
        var count = Drill.Pick(300, store == "postgres" ? 10_000 : 3000);
        var lanes = Drill.Pick(30, 50);
        await using var cluster = await DrillCluster.StartAsync(store);
        using var over = new CancellationTokenSource();
        var churning = Drill.IsLong ? ChurnAsync(cluster, over.Token) : Task.FromResult(0);

        await Task.WhenAll(Enumerable.Range(0, lanes).Select(lane => RetainedLaneAsync(cluster, lane, count / lanes)));
        await over.CancelAsync();
        var churns = await churning;

        Drill.Report($"retained about a SUBSCRIBE ({store}): {_done} times, offsets -1000..1000 ms, {churns} joins and leaves meanwhile, missed {_missed.Count}, seed {Drill.Seed}");
        Assert.Empty(_missed);
        Assert.Equal(count / lanes * lanes, _done);
    }

    /// <summary>A fourth silo comes, serves from its first moment, and goes: in order, or killed.</summary>
    private async Task<int> ChurnAsync(DrillCluster cluster, CancellationToken over)
    {
        var churns = 0;
        await cluster.AddAsync(3);
        while (true)
        {
            await LaneAsync(cluster, 100 + churns, 20, 3);
            await (churns % 2 == 0 ? cluster[3].StopAsync() : cluster[3].Kill9Async());
            churns++;
            if (over.IsCancellationRequested)
            {
                return churns;
            }

            await cluster[3].StartAgainAsync();
        }
    }

    private async Task LaneAsync(DrillCluster cluster, int lane, int count, int? node = null, ExternalPublisher[]? publishers = null)
    {
        var random = new Random(Drill.Seed + lane);
        var clients = new RawMqttClient[3];
        for (var i = 0; i < 3; i++)
        {
            clients[i] = await RawMqttClient.ConnectAsync(cluster.Port(i == 0 && node is { } extra ? extra : i), new ConnectPacket { ClientId = $"lane{lane}-{i}" });
        }

        for (var i = 0; i < count; i++)
        {
            // With a node of its own, that is on one of the sides.
            var subscriber = node is null ? random.Next(3) : random.Next(2) * 2;
            var publisher = node is null ? (subscriber + 1 + random.Next(2)) % 3 : 2 - subscriber;
            var mark = random.Next().ToString(CultureInfo.InvariantCulture);
            var topic = $"first/{lane}/{i}/{mark}";
            var filter = (i % 6) switch { 1 => $"first/{lane}/{i}/+", 3 => $"first/+/{i}/{mark}/#", 5 => $"+/{lane}/+/{mark}", _ => topic };
            if (await clients[subscriber].SubscribeAsync(filter, random.Next(3)) > 2)
            {
                Interlocked.Increment(ref _refused);
                continue;
            }

            var qos = random.Next(3);
            await (publishers is null ? clients[publisher].PublishAsync(topic, mark, qos) : publishers[publisher].PublishAsync(topic, mark, qos));
            try
            {
                var received = await clients[subscriber].ReadPublishAsync(Arrival);
                if (received.PayloadText != mark)
                {
                    _missed.Enqueue($"{topic}: came {received}");
                }
            }
            catch (TimeoutException)
            {
                _missed.Enqueue($"{filter} from node {publisher} to {subscriber}");
            }

            if (node is null)
            {
                Interlocked.Increment(ref _done);
            }
        }

        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    private async Task RetainedLaneAsync(DrillCluster cluster, int lane, int count)
    {
        var random = new Random(Drill.Seed + lane);
        for (var i = 0; i < count; i++)
        {
            var on = random.Next(3);
            await using var publisher = await RawMqttClient.ConnectAsync(cluster.Port(on), new ConnectPacket { ClientId = $"keeper{lane}" });
            await using var subscriber = await RawMqttClient.ConnectAsync(cluster.Port((on + 1 + random.Next(2)) % 3), new ConnectPacket { ClientId = $"reader{lane}" });
            var topic = $"kept/{lane}/{i}";
            await publisher.PublishAsync(topic, "old", 1, retain: true);
            var offset = random.Next(-1000, 1001);
            var subscribing = AfterAsync(Math.Max(0, -offset), () => subscriber.SubscribeAsync(i % 2 == 0 ? topic : $"kept/{lane}/{i}/#", 1));
            var publishing = AfterAsync(Math.Max(0, offset), () => publisher.PublishAsync(topic, "new", random.Next(3), retain: true));
            await subscribing;
            await publishing;
            await LastIsNewAsync(subscriber, $"{topic} at {offset} ms");
            Interlocked.Increment(ref _done);
        }
    }

    /// <summary>The newest value comes, and none older behind it.</summary>
    private async Task LastIsNewAsync(RawMqttClient subscriber, string what)
    {
        try
        {
            while ((await subscriber.ReadPublishAsync(Arrival)).PayloadText != "new")
            {
                // The old value, retained.
            }

            if ((await subscriber.DrainPublishesAsync()).Any(message => message.PayloadText != "new"))
            {
                _missed.Enqueue(what + ": the old value came last");
            }
        }
        catch (TimeoutException)
        {
            _missed.Enqueue(what);
        }
    }

    private static async Task<int> AfterAsync(int milliseconds, Func<Task<int>> act)
    {
        await Task.Delay(milliseconds);
        return await act();
    }
}
