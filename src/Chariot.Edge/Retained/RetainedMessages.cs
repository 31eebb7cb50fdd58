using System.Text;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Retained;

/// <summary>
/// This edge's replica of the retained messages, by topic level: a filter is answered in the size of its answer, not of the
/// store. A <c>+</c> above many levels is answered from the other end: by the topics that end with the filter's last level.
/// Thread-safe.
/// </summary>
internal sealed partial class RetainedMessages
{
    private readonly Lock _gate = new();
    private readonly Node _root = new(null, []);
    private readonly Dictionary<byte[], LastLevel> _byLastLevel = new(TopicBytesComparer.Instance);
    private int _count;
    private long _bytes;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Levels and messages that the last <see cref="Match"/> looked at.</summary>
    public int Visited { get; private set; }

    /// <summary>Bytes of topics, properties and payloads.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>
    /// Stores or replaces the message of its topic; false when <paramref name="maximum"/> topics are held already, or more than
    /// <paramref name="maximumBytes"/> would be. An older message (by id) never replaces a newer one.
    /// </summary>
    public bool Set(ApplicationMessage message, int maximum, long maximumBytes = long.MaxValue)
    {
        lock (_gate)
        {
            if (IsClearedSince(message))
            {
                return true;
            }

            var node = Find(message.Topic.Span);
            var added = message.Size - (node?.Message?.Size ?? 0);
            if ((node?.Message is null && _count >= maximum) || (added > 0 && _bytes + added > maximumBytes))
            {
                return false;
            }

            node ??= Add(message.Topic.Span);
            if (node.Message is null)
            {
                _count++;
                Link(node);
            }
            else if (node.Message.Id > message.Id)
            {
                return true;
            }

            _bytes += added;
            node.Message = message;
            Expect(message);
            return true;
        }
    }

    public ApplicationMessage? Get(ReadOnlySpan<byte> topic)
    {
        lock (_gate)
        {
            return Find(topic)?.Message;
        }
    }

    public bool Remove(ReadOnlySpan<byte> topic)
    {
        lock (_gate)
        {
            if (Find(topic) is not { Message: not null } node)
            {
                return false;
            }

            RemoveMessage(node);
            return true;
        }
    }

    /// <summary>Brings the store to what is retained for <paramref name="topic"/> now.</summary>
    public void Store(ReadOnlyMemory<byte> topic, IStoreTransaction transaction)
    {
        if (Get(topic.Span) is { } current)
        {
            transaction.PutRetained(current);
        }
        else
        {
            transaction.DeleteRetained(topic);
        }
    }

    /// <summary>Messages whose topic matches <paramref name="filter"/> (valid, no <c>$share</c>).</summary>
    public List<ApplicationMessage> Match(ReadOnlySpan<byte> filter)
    {
        lock (_gate)
        {
            List<Node> current = [_root];
            List<Node> next = [];
            var first = true;
            var ends = FindLastLevel(filter);
            Visited = 0;
            if (ends is { Count: 0 })
            {
                return [];
            }

            foreach (var range in filter.Split((byte)'/'))
            {
                var level = filter[range];
                if (level.SequenceEqual("#"u8))
                {
                    var below = Descend(current, first);
                    Visited += below.Count;
                    return below;
                }

                next.Clear();
                foreach (var node in current)
                {
                    if (node.Children is null)
                    {
                        continue;
                    }

                    if (level.SequenceEqual("+"u8))
                    {
                        if (ends is not null && next.Count + node.Children.Count > ends.Count)
                        {
                            Visited += ends.Count;
                            return MatchFromTheEnd(filter, ends);
                        }

                        next.AddRange(first ? node.Children.Values.Where(child => !child.IsReserved) : node.Children.Values);
                    }
                    else if (node.FindChild(level) is { } child)
                    {
                        next.Add(child);
                    }
                }

                (current, next) = (next, current);
                Visited += current.Count;
                first = false;
            }

            return [.. current.Where(node => node.Message is not null).Select(node => node.Message!)];
        }
    }

    private static List<ApplicationMessage> Descend(List<Node> from, bool isRoot)
    {
        var found = new List<ApplicationMessage>();
        var open = new Stack<Node>(from);
        while (open.TryPop(out var node))
        {
            // "sport/#" also matches "sport"; wildcards in the first level skip topics that begin with $.
            if (node.Message is { } message)
            {
                found.Add(message);
            }

            foreach (var child in node.Children?.Values ?? Enumerable.Empty<Node>())
            {
                if (!(isRoot && node.Parent is null && child.IsReserved))
                {
                    open.Push(child);
                }
            }
        }

        return found;
    }

    private void RemoveMessage(Node node)
    {
        _bytes -= node.Message!.Size;
        _count--;
        node.Message = null;
        Unlink(node);
        while (node.Parent is { } parent && node.Message is null && node.Children is not { Count: > 0 })
        {
            parent.Children!.Remove(node.Level);
            node = parent;
        }
    }

    private Node? Find(ReadOnlySpan<byte> topic)
    {
        var node = _root;
        foreach (var range in topic.Split((byte)'/'))
        {
            if (node.FindChild(topic[range]) is not { } child)
            {
                return null;
            }

            node = child;
        }

        return node;
    }

    private Node Add(ReadOnlySpan<byte> topic)
    {
        var node = _root;
        foreach (var range in topic.Split((byte)'/'))
        {
            var level = topic[range];
            if (node.FindChild(level) is not { } child)
            {
                child = new Node(node, level.ToArray());
                (node.Children ??= new(TopicBytesComparer.Instance)).Add(child.Level, child);
            }

            node = child;
        }

        return node;
    }

    private sealed class Node(Node? parent, byte[] level)
    {
        public readonly Node? Parent = parent;
        public readonly byte[] Level = level;
        public Dictionary<byte[], Node>? Children;
        public ApplicationMessage? Message;

        /// <summary>Other topics that end with the same level and have a message.</summary>
        public Node? NextAlike;
        public Node? PreviousAlike;

        public bool IsReserved => Level.Length > 0 && Level[0] == '$';

        public Node? FindChild(ReadOnlySpan<byte> level) =>
            Children is not null && Children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(level, out var child) ? child : null;

        public override string ToString() => Encoding.UTF8.GetString(Level);
    }
}
