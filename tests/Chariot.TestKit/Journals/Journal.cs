using System.Collections.Concurrent;
using System.Diagnostics;

namespace Chariot.TestKit.Journals;

/// <summary>What publishers and subscribers of a drill saw, in the order they saw it. Safe for all of them at once.</summary>
public sealed class Journal
{
    private readonly ConcurrentQueue<JournalEntry> _entries = new();
    private readonly ConcurrentDictionary<(string Client, JournalEvent Event), long> _distinct = new();
    private readonly ConcurrentDictionary<JournalEntry, byte> _seen = new();
    private readonly ConcurrentDictionary<string, (long Last, long Longest)> _gaps = new();

    public IReadOnlyCollection<JournalEntry> Entries => [.. _entries];

    public void Published(string publisher, string topic, int qos, long sequence) =>
        Add(new JournalEntry(JournalEvent.Published, "", publisher, topic, qos, sequence));

    public void Acknowledged(string publisher, string topic, int qos, long sequence) =>
        Add(new JournalEntry(JournalEvent.Acknowledged, "", publisher, topic, qos, sequence));

    public void Delivered(string subscriber, string publisher, string topic, int qos, long sequence) =>
        Add(new JournalEntry(JournalEvent.Delivered, subscriber, publisher, topic, qos, sequence));

    /// <summary>Different messages that the subscriber got.</summary>
    public long CountDelivered(string subscriber) => _distinct.GetValueOrDefault((subscriber, JournalEvent.Delivered));

    public long CountAcknowledged() => _distinct.Where(count => count.Key.Event == JournalEvent.Acknowledged).Sum(count => count.Value);

    /// <summary>Different messages of the publisher that were acknowledged.</summary>
    public long CountAcknowledged(string publisher) => _distinct.GetValueOrDefault((publisher, JournalEvent.Acknowledged));

    /// <summary>The longest time since <see cref="ForgetGaps"/> that passed between two acknowledgements (a publisher) or deliveries (a subscriber), or since the last one.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Gaps => _gaps.ToDictionary(
        gap => gap.Key,
        gap => TimeSpan.FromSeconds((double)Math.Max(gap.Value.Longest, Stopwatch.GetTimestamp() - gap.Value.Last) / Stopwatch.Frequency));

    /// <summary>Gaps are measured from now on, for the clients that have been heard of.</summary>
    public void ForgetGaps()
    {
        foreach (var client in _gaps.Keys)
        {
            _gaps[client] = (Stopwatch.GetTimestamp(), 0);
        }
    }

    private void Heard(string client)
    {
        var now = Stopwatch.GetTimestamp();
        _gaps.AddOrUpdate(client, _ => (now, 0), (_, gap) => (now, Math.Max(gap.Longest, now - gap.Last)));
    }

    private void Add(JournalEntry entry)
    {
        var client = entry.Event == JournalEvent.Delivered ? entry.Subscriber : entry.Publisher;
        if (entry.Event != JournalEvent.Published)
        {
            Heard(client);
        }

        _entries.Enqueue(entry);
        if (_seen.TryAdd(entry, 0))
        {
            _distinct.AddOrUpdate((client, entry.Event), 1, (_, count) => count + 1);
        }
    }
}
