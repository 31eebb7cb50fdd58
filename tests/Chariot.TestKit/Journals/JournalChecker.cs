namespace Chariot.TestKit.Journals;

/// <summary>
/// Judges a journal: every acknowledged message reached every subscriber, QoS 2 exactly once, and the first appearances of
/// one publisher's messages on one topic at one QoS came in order [MQTT-4.6.0-5], [MQTT-4.6.0-6].
/// </summary>
public static class JournalChecker
{
    /// <param name="entries">In the order they happened, per subscriber.</param>
    /// <param name="subscribers">Everybody that every message was for.</param>
    public static JournalReport Check(IReadOnlyCollection<JournalEntry> entries, params string[] subscribers)
    {
        var published = Messages(entries, JournalEvent.Published);
        var acknowledged = Messages(entries, JournalEvent.Acknowledged);
        List<string> lost = [];
        List<string> duplicated = [];
        List<string> reordered = [];
        List<string> invented = [];
        var repeated = 0L;
        var delivered = 0L;

        foreach (var subscriber in subscribers)
        {
            var seen = new HashSet<JournalEntry>();
            var latest = new Dictionary<(string, string, int), long>();
            foreach (var entry in entries.Where(entry => entry.Event == JournalEvent.Delivered && entry.Subscriber == subscriber))
            {
                delivered++;
                if (!seen.Add(entry))
                {
                    if (entry.Qos == 2)
                    {
                        duplicated.Add(entry.ToString());
                    }
                    else
                    {
                        repeated++;
                    }

                    continue;
                }

                if (!published.Contains(Message(entry)))
                {
                    invented.Add(entry.ToString());
                }

                var flow = (entry.Publisher, entry.Topic, entry.Qos);
                if (latest.TryGetValue(flow, out var before) && before > entry.Sequence)
                {
                    reordered.Add($"{entry} after #{before}");
                }
                else
                {
                    latest[flow] = entry.Sequence;
                }
            }

            var reached = seen.Select(Message).ToHashSet();
            lost.AddRange(acknowledged.Where(message => !reached.Contains(message)).Select(message => $"{message} to {subscriber}"));
        }

        return new JournalReport(published.Count, acknowledged.Count, delivered, lost, duplicated, reordered, invented, repeated);
    }

    private static HashSet<JournalEntry> Messages(IReadOnlyCollection<JournalEntry> entries, JournalEvent kind) =>
        entries.Where(entry => entry.Event == kind).Select(Message).ToHashSet();

    private static JournalEntry Message(JournalEntry entry) => entry with { Event = JournalEvent.Published, Subscriber = "" };
}
