namespace Chariot.Edge.Routing;

/// <summary>
/// Topic filters with wildcards, by level, each with its items. Matching is iterative and costs what the topic's levels and the matching branches
/// cost, not what the trie holds. Not thread-safe: <see cref="RouteTable"/> guards it.
/// </summary>
internal sealed class FilterTrie<T>
    where T : class
{
    private readonly Node _root = new(null, []);
    private readonly List<Node> _current = [];
    private readonly List<Node> _next = [];

    public void Add(ReadOnlySpan<byte> filter, T item)
    {
        var node = _root;
        foreach (var range in Levels(filter))
        {
            node = node.GetOrAdd(filter[range]);
        }

        (node.Items ??= []).Add(item);
    }

    public void Remove(ReadOnlySpan<byte> filter, T item)
    {
        var node = _root;
        foreach (var range in Levels(filter))
        {
            if (node.Find(filter[range]) is not { } child)
            {
                return;
            }

            node = child;
        }

        node.Items?.Remove(item);
        // Empty branches go with their last filter, or churn would grow the trie for ever.
        while (node.Parent is { } parent && node.Items is not { Count: > 0 } && node.Children is not { Count: > 0 })
        {
            parent.Children!.Remove(node.Level);
            node = parent;
        }
    }

    /// <summary>Adds the items whose filter matches <paramref name="topic"/> to <paramref name="matches"/>.</summary>
    public void Match(ReadOnlySpan<byte> topic, List<T> matches)
    {
        // Wildcards in the first level do not match topics that begin with $ [MQTT-4.7.2-1].
        var reserved = topic.Length > 0 && topic[0] == '$';
        _current.Clear();
        _current.Add(_root);
        var first = true;
        foreach (var range in Levels(topic))
        {
            var level = topic[range];
            _next.Clear();
            foreach (var node in _current)
            {
                if (node.Children is null)
                {
                    continue;
                }

                if (node.Find(level) is { } exact)
                {
                    _next.Add(exact);
                }

                if (first && reserved)
                {
                    continue;
                }

                if (node.Find("+"u8) is { } plus)
                {
                    _next.Add(plus);
                }

                AddAll(node.Find("#"u8), matches);
            }

            _current.Clear();
            _current.AddRange(_next);
            first = false;
        }

        foreach (var node in _current)
        {
            AddAll(node, matches);
            // "sport/#" also matches "sport" (4.7.1.2).
            AddAll(node.Find("#"u8), matches);
        }
    }

    /// <summary>The items of <paramref name="filter"/> itself; null when there are none.</summary>
    public List<T>? Get(ReadOnlySpan<byte> filter)
    {
        var node = _root;
        foreach (var range in Levels(filter))
        {
            if (node.Find(filter[range]) is not { } child)
            {
                return null;
            }

            node = child;
        }

        return node.Items;
    }

    /// <summary>The items of every filter, by filter.</summary>
    public IEnumerable<List<T>> All()
    {
        var open = new Stack<Node>([_root]);
        while (open.TryPop(out var node))
        {
            if (node.Items is { Count: > 0 } items)
            {
                yield return items;
            }

            foreach (var child in node.Children?.Values ?? Enumerable.Empty<Node>())
            {
                open.Push(child);
            }
        }
    }

    private static void AddAll(Node? node, List<T> matches)
    {
        if (node?.Items is { } items)
        {
            matches.AddRange(items);
        }
    }

    private static MemoryExtensions.SpanSplitEnumerator<byte> Levels(ReadOnlySpan<byte> topic) => topic.Split((byte)'/');

    private sealed class Node(Node? parent, byte[] level)
    {
        public readonly Node? Parent = parent;
        public readonly byte[] Level = level;
        public Dictionary<byte[], Node>? Children;
        public List<T>? Items;

        public Node? Find(ReadOnlySpan<byte> level) =>
            Children is not null && Children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(level, out var child) ? child : null;

        public Node GetOrAdd(ReadOnlySpan<byte> level)
        {
            Children ??= new Dictionary<byte[], Node>(TopicBytesComparer.Instance);
            if (Find(level) is { } child)
            {
                return child;
            }

            child = new Node(this, level.ToArray());
            Children.Add(child.Level, child);
            return child;
        }
    }
}
