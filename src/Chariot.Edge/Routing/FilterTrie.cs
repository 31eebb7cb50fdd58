namespace Chariot.Edge.Routing;

/// <summary>
/// Topic filters with wildcards, by level. Matching is iterative and costs what the topic's levels and the matching branches
/// cost, not what the trie holds. Not thread-safe: <see cref="RouteTable"/> guards it.
/// </summary>
internal sealed class FilterTrie
{
    private readonly Node _root = new(null, []);
    private readonly List<Node> _current = [];
    private readonly List<Node> _next = [];

    public void Add(Subscription subscription)
    {
        var node = _root;
        foreach (var range in Levels(subscription.Filter))
        {
            node = node.GetOrAdd(subscription.Filter.AsSpan()[range]);
        }

        (node.Subscriptions ??= []).Add(subscription);
    }

    public void Remove(Subscription subscription)
    {
        var node = _root;
        foreach (var range in Levels(subscription.Filter))
        {
            if (node.Find(subscription.Filter.AsSpan()[range]) is not { } child)
            {
                return;
            }

            node = child;
        }

        node.Subscriptions?.Remove(subscription);
        // Empty branches go with their last filter, or churn would grow the trie for ever.
        while (node.Parent is { } parent && node.Subscriptions is not { Count: > 0 } && node.Children is not { Count: > 0 })
        {
            parent.Children!.Remove(node.Level);
            node = parent;
        }
    }

    /// <summary>Adds the subscriptions whose filter matches <paramref name="topic"/> to <paramref name="matches"/>.</summary>
    public void Match(ReadOnlySpan<byte> topic, List<Subscription> matches)
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

    private static void AddAll(Node? node, List<Subscription> matches)
    {
        if (node?.Subscriptions is { } subscriptions)
        {
            matches.AddRange(subscriptions);
        }
    }

    private static MemoryExtensions.SpanSplitEnumerator<byte> Levels(ReadOnlySpan<byte> topic) => topic.Split((byte)'/');

    private sealed class Node(Node? parent, byte[] level)
    {
        public readonly Node? Parent = parent;
        public readonly byte[] Level = level;
        public Dictionary<byte[], Node>? Children;
        public List<Subscription>? Subscriptions;

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
