using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Nodes;

/// <summary>What a node did in the time since the sample before; rates are per second.</summary>
internal sealed record NodeSample(
    DateTimeOffset At,
    int Connections,
    double MessagesReceived,
    double MessagesDelivered,
    double MessagesDropped,
    double BytesReceived,
    double BytesSent);

internal enum NodeStatus
{
    Active,

    /// <summary>It answers, and says that it is not ready.</summary>
    NotReady,

    /// <summary>It does not answer, or is no member of the cluster any more.</summary>
    Absent,
}

/// <summary>A node as it was last seen.</summary>
/// <param name="Description">Null when it never answered.</param>
/// <param name="Samples">Oldest first.</param>
internal sealed record ObservedNode(
    string Node,
    string Silo,
    NodeStatus Status,
    DateTimeOffset SeenAt,
    NodeDescription? Description,
    ImmutableArray<NodeSample> Samples)
{
    /// <summary>Null before the second sample, and for an absent node.</summary>
    public NodeSample? Now => Status == NodeStatus.Absent ? null : Samples.LastOrDefault();
}

/// <summary>
/// Asks every node for its counters each <see cref="Period"/> and keeps <see cref="Kept"/> samples: one reader for all who
/// look at the dashboard. Nodes that went away stay listed for <see cref="Remembered"/>.
/// </summary>
internal sealed partial class NodeHistory(NodeDirectory directory, TimeProvider time, ILogger<NodeHistory> logger) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <summary>Five minutes.</summary>
    public const int Kept = 150;

    private static readonly TimeSpan Remembered = TimeSpan.FromHours(24);

    private readonly Dictionary<string, (NodeDescription Description, long At)> _last = new(StringComparer.Ordinal);
    private volatile Observation _observation = new([]);

    /// <summary>By name, ordinal. Empty until the first answers.</summary>
    public ImmutableArray<ObservedNode> Nodes => _observation.Nodes;

    /// <summary>After each sample, on some thread; a page goes to its own with InvokeAsync.</summary>
    public event Action? Sampled;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            try
            {
                await SampleAsync();
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotSampled(error);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task SampleAsync()
    {
        var answers = await directory.DescribeAsync();
        var (now, ticks) = (time.GetUtcNow(), time.GetTimestamp());
        var before = Nodes;
        var seen = new Dictionary<string, ObservedNode>(StringComparer.Ordinal);
        foreach (var answer in answers)
        {
            var known = before.FirstOrDefault(n => answer.Description is { } d ? n.Node == d.Node : n.Silo == answer.Silo);
            var node = answer.Description is { } description ? Add(known, answer.Silo, description, now, ticks) : Missing(known, answer.Silo, now);
            seen[node.Node] = node;
        }

        foreach (var gone in before.Where(n => !seen.ContainsKey(n.Node) && now - n.SeenAt < Remembered))
        {
            seen[gone.Node] = gone with { Status = NodeStatus.Absent };
        }

        _observation = new([.. seen.Values.OrderBy(n => n.Node, StringComparer.Ordinal)]);
        foreach (var name in _last.Keys.Where(name => !seen.ContainsKey(name)).ToList())
        {
            _last.Remove(name);
        }

        Tell();
    }

    private ObservedNode Add(ObservedNode? known, string silo, NodeDescription description, DateTimeOffset now, long ticks)
    {
        var samples = known?.Samples ?? [];
        // Another silo under the name: it was started anew, and counts from zero.
        if (known?.Silo == silo && _last.TryGetValue(description.Node, out var last) && time.GetElapsedTime(last.At, ticks).TotalSeconds is > 0 and var seconds)
        {
            var was = last.Description;
            samples = samples.Add(new NodeSample(
                now,
                description.Connections,
                Rate(was.MessagesReceived, description.MessagesReceived, seconds),
                Rate(was.MessagesDelivered, description.MessagesDelivered, seconds),
                Rate(was.MessagesDropped, description.MessagesDropped, seconds),
                Rate(was.BytesReceived, description.BytesReceived, seconds),
                Rate(was.BytesSent, description.BytesSent, seconds)));
            samples = samples.RemoveRange(0, Math.Max(0, samples.Length - Kept));
        }

        _last[description.Node] = (description, ticks);
        return new ObservedNode(description.Node, silo, description.Reasons.IsDefaultOrEmpty ? NodeStatus.Active : NodeStatus.NotReady, now, description, samples);
    }

    private static ObservedNode Missing(ObservedNode? known, string silo, DateTimeOffset now) => known is null
        ? new ObservedNode(silo, silo, NodeStatus.Absent, now, null, [])
        : known with { Status = NodeStatus.Absent };

    private static double Rate(long before, long after, double seconds) => Math.Max(0, after - before) / seconds;

    private void Tell()
    {
        foreach (var reader in Sampled?.GetInvocationList().Cast<Action>() ?? [])
        {
            try
            {
                reader();
            }
            catch (Exception error)
            {
                // One page must not keep the others from what they show.
                LogNotTold(error);
            }
        }
    }

    private sealed record Observation(ImmutableArray<ObservedNode> Nodes);

    [LoggerMessage(4350, LogLevel.Warning, "The nodes could not be asked for their counters; the dashboard stands still until they can. Check the cluster")]
    private partial void LogNotSampled(Exception exception);

    [LoggerMessage(4351, LogLevel.Warning, "An open page of the web UI could not be told of new counters; it may show old ones until it is loaded again")]
    private partial void LogNotTold(Exception exception);
}
