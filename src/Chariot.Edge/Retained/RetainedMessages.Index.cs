using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Retained;

/// <summary>Retained messages by the last level of their topic, and by when they expire.</summary>
internal sealed partial class RetainedMessages
{
    private readonly PriorityQueue<ReadOnlyMemory<byte>, long> _expiring = new();

    /// <summary>Entries about what expires, replaced ones included.</summary>
    public int Expiring => _expiring.Count;

    /// <summary>Removes messages that have expired, at most <paramref name="limit"/>; returns their topics.</summary>
    public List<ReadOnlyMemory<byte>> RemoveExpired(long now, int limit)
    {
        var removed = new List<ReadOnlyMemory<byte>>();
        lock (_gate)
        {
            while (removed.Count < limit && _expiring.TryPeek(out var topic, out var due) && due <= now)
            {
                _expiring.Dequeue();
                // It may have been replaced, or cleared, since.
                if (Find(topic.Span) is { Message: { } message } node && message.ExpiresAt <= now)
                {
                    RemoveMessage(node);
                    removed.Add(topic);
                }
            }
        }

        return removed;
    }

    private void Expect(ApplicationMessage message)
    {
        if (message.ExpiresAt == long.MaxValue)
        {
            return;
        }

        _expiring.Enqueue(message.Topic, message.ExpiresAt);
        // Each replacement leaves an entry behind: made anew before they outnumber the messages.
        if (_expiring.Count > (2 * _count) + 1024)
        {
            _expiring.Clear();
            foreach (var kept in Descend([_root], isRoot: false))
            {
                if (kept.ExpiresAt != long.MaxValue)
                {
                    _expiring.Enqueue(kept.Topic, kept.ExpiresAt);
                }
            }
        }
    }

    private void Link(Node node)
    {
        if (!_byLastLevel.TryGetValue(node.Level, out var alike))
        {
            _byLastLevel[node.Level] = alike = new LastLevel();
        }

        node.NextAlike = alike.First;
        if (alike.First is { } first)
        {
            first.PreviousAlike = node;
        }

        alike.First = node;
        alike.Count++;
    }

    private void Unlink(Node node)
    {
        var alike = _byLastLevel[node.Level];
        if (node.PreviousAlike is { } previous)
        {
            previous.NextAlike = node.NextAlike;
        }
        else
        {
            alike.First = node.NextAlike;
        }

        if (node.NextAlike is { } next)
        {
            next.PreviousAlike = node.PreviousAlike;
        }

        (node.NextAlike, node.PreviousAlike) = (null, null);
        if (--alike.Count == 0)
        {
            _byLastLevel.Remove(node.Level);
        }
    }

    /// <summary>Topics that end with the filter's last level; null when that is a wildcard.</summary>
    private LastLevel? FindLastLevel(ReadOnlySpan<byte> filter)
    {
        var last = filter[(filter.LastIndexOf((byte)'/') + 1)..];
        if (last.SequenceEqual("#"u8) || last.SequenceEqual("+"u8))
        {
            return null;
        }

        return _byLastLevel.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(last, out var alike) ? alike : LastLevel.None;
    }

    private static List<ApplicationMessage> MatchFromTheEnd(ReadOnlySpan<byte> filter, LastLevel ends)
    {
        var found = new List<ApplicationMessage>();
        for (var node = ends.First; node is not null; node = node.NextAlike)
        {
            if (TopicFilter.Matches(filter, node.Message!.Topic.Span))
            {
                found.Add(node.Message);
            }
        }

        return found;
    }

    private sealed class LastLevel
    {
        public static readonly LastLevel None = new();

        public Node? First;
        public int Count;
    }
}
