using System.Collections.Concurrent;

namespace Chariot.TestKit.Journals;

/// <summary>What publishers and subscribers of a drill saw, in the order they saw it. Safe for all of them at once.</summary>
public sealed class Journal
{
    private readonly ConcurrentQueue<JournalEntry> _entries = new();
    private readonly ConcurrentDictionary<(string Subscriber, JournalEvent Event), long> _distinct = new();
    private readonly ConcurrentDictionary<JournalEntry, byte> _seen = new();

    public IReadOnlyCollection<JournalEntry> Entries => [.. _entries];

    public void Published(string publisher, string topic, int qos, long sequence) =>
        Add(new JournalEntry(JournalEvent.Published, "", publisher, topic, qos, sequence));

    public void Acknowledged(string publisher, string topic, int qos, long sequence) =>
        Add(new JournalEntry(JournalEvent.Acknowledged, "", publisher, topic, qos, sequence));

    public void Delivered(string subscriber, string publisher, string topic, int qos, long sequence) =>
        Add(new JournalEntry(JournalEvent.Delivered, subscriber, publisher, topic, qos, sequence));

    /// <summary>Different messages that the subscriber got.</summary>
    public long CountDelivered(string subscriber) => _distinct.GetValueOrDefault((subscriber, JournalEvent.Delivered));

    public long CountAcknowledged() => _distinct.GetValueOrDefault(("", JournalEvent.Acknowledged));

    private void Add(JournalEntry entry)
    {
        _entries.Enqueue(entry);
        if (_seen.TryAdd(entry, 0))
        {
            _distinct.AddOrUpdate((entry.Subscriber, entry.Event), 1, (_, count) => count + 1);
        }
    }
}
