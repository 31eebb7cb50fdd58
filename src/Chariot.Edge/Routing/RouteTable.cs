using System.Collections.Concurrent;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Routing;

/// <summary>
/// Which sessions get a message of a topic. Written under a lock; read without one through <see cref="TopicEntry"/>, whose
/// match is recomputed when a subscription that could concern it has changed: versions are kept per first level, and one
/// for filters that begin with a wildcard.
/// </summary>
internal sealed partial class RouteTable
{
    private const int Shards = 256;

    /// <summary>Topic names remembered; beyond it all are forgotten and learnt again, so that unique topics cost bounded memory.</summary>
    private const int MaximumTopics = 200_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<byte[], List<Subscription>> _exact = new(TopicBytesComparer.Instance);
    private readonly FilterTrie<Subscription> _wildcards = new();
    private readonly long[] _shardVersions = new long[Shards];
    private readonly Dictionary<string, SharedGroup> _groups = new(StringComparer.Ordinal);
    private readonly List<Subscription> _matches = [];
    private readonly Dictionary<ClientSession, Target> _bySession = [];
    private long _wildcardVersion;
    private ConcurrentDictionary<byte[], TopicEntry> _topics = new(TopicBytesComparer.Instance);
    private int _topicCount;

    /// <summary>How shared subscriptions choose their members.</summary>
    public SharedSubscriptions Sharing { get; } = new();

    /// <summary>Topic names remembered.</summary>
    public int TopicCount => Volatile.Read(ref _topicCount);

    public int MaximumTopicLength { get; set; } = 1024;

    public int MaximumTopicLevels { get; set; } = 32;

    public void Add(Subscription subscription)
    {
        lock (_gate)
        {
            Join(subscription);
            if (IsWildcard(subscription.Filter))
            {
                _wildcards.Add(subscription.Filter, subscription);
            }
            else
            {
                if (!_exact.TryGetValue(subscription.Filter, out var list))
                {
                    _exact[subscription.Filter] = list = [];
                }

                list.Add(subscription);
            }

            Touch(subscription.Filter);
            AnnounceAdded(subscription);
        }
    }

    public void Remove(Subscription subscription)
    {
        lock (_gate)
        {
            Leave(subscription);
            if (IsWildcard(subscription.Filter))
            {
                _wildcards.Remove(subscription.Filter, subscription);
            }
            else if (_exact.TryGetValue(subscription.Filter, out var list) && list.Remove(subscription) && list.Count == 0)
            {
                _exact.Remove(subscription.Filter);
            }

            Touch(subscription.Filter);
            AnnounceRemoved(subscription);
        }
    }

    /// <summary>Suspends or resumes a subscription that stays in the table.</summary>
    public void SetActive(Subscription subscription, bool active)
    {
        lock (_gate)
        {
            if (subscription.Active != active)
            {
                subscription.Active = active;
                Touch(subscription.Filter);
            }
        }
    }

    /// <summary>Members of a shared subscription on this edge, connected or not.</summary>
    public IReadOnlyList<Subscription> MembersOf(string filter)
    {
        lock (_gate)
        {
            return _groups.TryGetValue(filter, out var group) ? [.. group.Members] : [];
        }
    }

    /// <summary>Whether there is a shared subscription.</summary>
    public bool HasGroups
    {
        get
        {
            lock (_gate)
            {
                return _groups.Count > 0;
            }
        }
    }

    public int CountMembers(string filter)
    {
        lock (_gate)
        {
            return _groups.TryGetValue(filter, out var group) ? group.Members.Count : 0;
        }
    }

    /// <summary>The shared subscription with this <see cref="SharedGroup.Mark"/>; null when it has no member any more.</summary>
    public SharedGroup? FindGroup(uint mark)
    {
        lock (_gate)
        {
            return mark == 0 ? null : _groups.Values.FirstOrDefault(group => group.Mark == mark);
        }
    }

    /// <summary>Forgets all topic names, after limits have changed.</summary>
    public void ForgetTopics()
    {
        lock (_gate)
        {
            _topics = new(TopicBytesComparer.Instance);
            _topicCount = 0;
        }
    }

    public TopicEntry GetTopic(ReadOnlySpan<byte> topic)
    {
        var topics = _topics;
        if (topics.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(topic, out var entry))
        {
            return entry;
        }

        entry = new TopicEntry(topic.ToArray(), ShardOf(topic), TopicFilter.IsValidTopicName(topic, MaximumTopicLength, MaximumTopicLevels));
        var kept = topics.GetOrAdd(entry.Topic, entry);
        if (ReferenceEquals(kept, entry) && Interlocked.Increment(ref _topicCount) > MaximumTopics)
        {
            ForgetTopics();
        }

        return kept;
    }

    /// <summary>
    /// Forgets the topic names whose match is out of date, and with them the sessions in it, which may have ended: a name that nobody
    /// publishes to again would keep them for ever. Those in use are learnt again.
    /// </summary>
    public void ForgetStaleTopics()
    {
        var topics = _topics;
        var forgotten = 0;
        foreach (var (topic, entry) in topics)
        {
            if (IsCurrent(entry, entry.Match))
            {
                continue;
            }

            // Connections may still hold the entry itself.
            entry.Match = MatchSet.Stale;
            forgotten += topics.TryRemove(topic, out _) ? 1 : 0;
        }

        lock (_gate)
        {
            if (ReferenceEquals(topics, _topics))
            {
                Interlocked.Add(ref _topicCount, -forgotten);
            }
        }
    }

    /// <summary>What matches <paramref name="entry"/> now.</summary>
    public MatchSet Match(TopicEntry entry)
    {
        var match = entry.Match;
        return IsCurrent(entry, match) ? match : Recompute(entry);
    }

    private bool IsCurrent(TopicEntry entry, MatchSet match) =>
        match.ShardVersion == Volatile.Read(ref _shardVersions[entry.Shard]) && match.WildcardVersion == Volatile.Read(ref _wildcardVersion);

    private MatchSet Recompute(TopicEntry entry)
    {
        lock (_gate)
        {
            _matches.Clear();
            _bySession.Clear();
            if (_exact.TryGetValue(entry.Topic, out var exact))
            {
                _matches.AddRange(exact);
            }

            _wildcards.Match(entry.Topic, _matches);
            var targets = new List<Target>(_matches.Count);
            Dictionary<SharedGroup, List<Target>>? groups = null;
            foreach (var subscription in _matches)
            {
                if (!subscription.Active)
                {
                    continue;
                }

                if (subscription.Share is { } group)
                {
                    groups ??= [];
                    if (!groups.TryGetValue(group, out var members))
                    {
                        groups[group] = members = [];
                    }

                    var member = new Target(subscription.Session);
                    member.Add(subscription);
                    members.Add(member);
                    continue;
                }

                if (!_bySession.TryGetValue(subscription.Session, out var target))
                {
                    _bySession[subscription.Session] = target = new Target(subscription.Session);
                    targets.Add(target);
                }

                target.Add(subscription);
            }

            var remotes = MatchRemote(entry.Topic, out var sharedElsewhere);
            List<SharedTarget> shared = [.. (groups ?? []).Select(pair => new SharedTarget(pair.Key, [.. pair.Value]))];
            AddPeers(shared, sharedElsewhere);
            // What was used for it must not keep a session that ends.
            _matches.Clear();
            _bySession.Clear();
            return entry.Match = new MatchSet(_shardVersions[entry.Shard], _wildcardVersion, [.. targets], [.. shared]) { Remotes = [.. remotes.Where(peer => !peer.IsClosed)], Orphans = [.. remotes.Where(peer => peer.IsClosed)] };
        }
    }

    private void Join(Subscription subscription)
    {
        if (subscription.Group is null)
        {
            return;
        }

        var filter = subscription.Record.Filter;
        if (!_groups.TryGetValue(filter, out var group))
        {
            _groups[filter] = group = new SharedGroup(filter, Sharing);
        }

        group.Members.Add(subscription);
        subscription.Share = group;
    }

    private void Leave(Subscription subscription)
    {
        if (subscription.Share is { } group && group.Members.Remove(subscription) && group.Members.Count == 0)
        {
            _groups.Remove(group.Filter);
        }
    }

    private void Touch(ReadOnlySpan<byte> filter)
    {
        if (filter.Length > 0 && filter[0] is (byte)'+' or (byte)'#')
        {
            Volatile.Write(ref _wildcardVersion, _wildcardVersion + 1);
        }
        else
        {
            ref var version = ref _shardVersions[ShardOf(filter)];
            Volatile.Write(ref version, version + 1);
        }
    }

    private static bool IsWildcard(ReadOnlySpan<byte> filter) => filter.IndexOfAny((byte)'+', (byte)'#') >= 0;

    private static int ShardOf(ReadOnlySpan<byte> topic)
    {
        var slash = topic.IndexOf((byte)'/');
        return TopicBytesComparer.Hash(slash < 0 ? topic : topic[..slash]) & (Shards - 1);
    }
}
