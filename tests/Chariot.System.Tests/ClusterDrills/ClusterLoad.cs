using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Journals;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>
/// QoS 1 publishers at a steady rate, and for every node a durable subscriber of everything that is connected and one that is away.
/// Their connections go round the nodes. What a node does to them shows in the journal.
/// </summary>
internal sealed class ClusterLoad : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<DurablePublisher> _publishers = [];
    private readonly List<Task> _publishing = [];
    private readonly List<Task> _receiving = [];
    private readonly List<DurableSubscriber> _absent = [];
    private readonly List<string> _subscribers = [];
    private readonly string _root = Unique.Name("load");
    private readonly long _started = Stopwatch.GetTimestamp();
    private double _wanted;
    private TimeSpan _published;

    private ClusterLoad()
    {
    }

    public Journal Journal { get; } = new();

    public bool IsBroken => _publishing.Concat(_receiving).Any(task => task.IsFaulted);

    /// <param name="rate">Messages per second, all publishers together.</param>
    /// <param name="qos">Of publishers and subscribers.</param>
    public static Task<ClusterLoad> StartAsync(DrillCluster cluster, double rate, int qos = 1, int publishers = 6, double? silence = null, double limitSeconds = 900) =>
        StartAsync((node, name) => new DurableClientOptions(cluster.Port(node), name) { NextPort = cluster.Balance(node), SilenceSeconds = silence, ReconnectSeconds = 120 }, rate, qos, publishers, limitSeconds);

    /// <param name="client">How the client of a name, which begins at a node, finds its way.</param>
    public static async Task<ClusterLoad> StartAsync(Func<int, string, DurableClientOptions> client, double rate, int qos, int publishers, double limitSeconds)
    {
        var load = new ClusterLoad { _wanted = rate };
        load._stop.CancelAfter(TimeSpan.FromSeconds(limitSeconds));
        try
        {
            for (var node = 0; node < 3; node++)
            {
                var connected = load.Subscriber(client(node, $"{load._root}-present{node}"), qos);
                var subscribed = new TaskCompletionSource();
                load._receiving.Add(connected.RunAsync(load._stop.Token, subscribed));
                await subscribed.Task.WaitAsync(load._stop.Token);
                var absent = load.Subscriber(client(node, $"{load._root}-absent{node}"), qos);
                await absent.SubscribeAndLeaveAsync(load._stop.Token);
                load._absent.Add(absent);
            }

            for (var i = 0; i < publishers; i++)
            {
                var publisher = new DurablePublisher(client(i % 3, $"{load._root}-publisher{i}"), load.Journal, $"{load._root}/{i}", qos, int.MaxValue, window: 100) { MessagesPerSecond = rate / publishers };
                load._publishers.Add(publisher);
                load._publishing.Add(publisher.RunAsync(load._stop.Token));
            }

            return load;
        }
        catch
        {
            await load.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until every publisher and connected subscriber has been served <paramref name="count"/> more times.</summary>
    public async Task FlowAsync(int count, double seconds = 120)
    {
        var acknowledged = Journal.CountAcknowledged() + count;
        var delivered = _subscribers.Where(IsPresent).ToDictionary(name => name, name => Journal.CountDelivered(name) + count);
        await Eventually.TrueAsync(
            () => IsBroken || (Journal.CountAcknowledged() >= acknowledged && delivered.All(entry => Journal.CountDelivered(entry.Key) >= entry.Value)),
            $"{count} more messages to everybody",
            seconds);
        await ThrowIfBrokenAsync();
    }

    /// <summary>Ends the publishing, has the absent subscribers come, and judges when everything acknowledged has come, or is not going to.</summary>
    public async Task<JournalReport> FinishAsync(double seconds = 120)
    {
        foreach (var publisher in _publishers)
        {
            publisher.Stop();
        }

        _published = Stopwatch.GetElapsedTime(_started);
        await Task.WhenAll(_publishing).WaitAsync(TimeSpan.FromSeconds(seconds));
        foreach (var absent in _absent)
        {
            _receiving.Add(absent.RunAsync(_stop.Token));
        }

        var expected = Journal.CountAcknowledged();
        try
        {
            await Eventually.TrueAsync(() => IsBroken || _subscribers.All(name => Journal.CountDelivered(name) >= expected), "everything is delivered", seconds);
        }
        catch (TimeoutException)
        {
            // The report names what is missing.
            await ThrowIfBrokenAsync();
        }

        await ThrowIfBrokenAsync();
        return JournalChecker.Check(Journal.Entries, [.. _subscribers]);
    }

    /// <summary>What was asked for, and what the machine could do, the times without service included. After <see cref="FinishAsync"/>.</summary>
    public string Rate => FormattableString.Invariant($"{Journal.CountAcknowledged() / _published.TotalSeconds:0} msg/s acknowledged of {_wanted:0} asked for, to {_subscribers.Count} subscribers");

    /// <summary>The client that was without service longest since <see cref="Journal.ForgetGaps"/>.</summary>
    public string LongestGap()
    {
        var (client, gap) = Journal.Gaps.Where(entry => !entry.Key.Contains("absent", StringComparison.Ordinal)).MaxBy(entry => entry.Value);
        return FormattableString.Invariant($"{gap.TotalSeconds:0.0} s ({client[(client.LastIndexOf('-') + 1)..]})");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_publishing.Concat(_receiving)).ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }

    private static bool IsPresent(string name) => name.Contains("-present", StringComparison.Ordinal);

    private async Task ThrowIfBrokenAsync()
    {
        foreach (var task in _publishing.Concat(_receiving).Where(task => task.IsFaulted))
        {
            await task;
        }
    }

    private DurableSubscriber Subscriber(DurableClientOptions client, int qos)
    {
        _subscribers.Add(client.ClientId);
        return new DurableSubscriber(client, Journal, ($"{_root}/#", qos));
    }
}
