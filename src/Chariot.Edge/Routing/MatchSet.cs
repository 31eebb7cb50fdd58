using Chariot.Abstractions.Topics;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Routing;

/// <summary>
/// Where a message goes within this edge: one copy to a session, at the highest QoS of its matching subscriptions and with
/// all their identifiers (decision on overlapping subscriptions, [MQTT-3.3.5-1], 5.0 [MQTT-3.3.4-3]).
/// </summary>
internal sealed class Target(ClientSession session)
{
    public readonly ClientSession Session = session;
    // Made with the first subscription that has No Local.
    private Target? _own;
    public QualityOfService Qos;
    public bool NoLocal = true;
    public bool RetainAsPublished;
    public uint[] SubscriptionIdentifiers = [];
    public Subscription? Subscription;

    /// <summary>The shared subscription that it is a member of; null for an ordinary one.</summary>
    public SharedGroup? Share;

    /// <summary>
    /// The copy of what <paramref name="publisher"/> published, by client id because the publisher may be on another silo. For its own
    /// messages the subscriptions with No Local do not count, nor do their QoS and identifiers [MQTT-3.8.3-3]; null when it has no other.
    /// </summary>
    public Target? For(ReadOnlySpan<char> publisher) => _own is null || !publisher.SequenceEqual(Session.ClientId) ? this : NoLocal ? null : _own;

    public void Add(Subscription subscription)
    {
        var record = subscription.Record;
        if (!record.NoLocal)
        {
            _own?.Add(subscription);
        }
        else
        {
            _own ??= new Target(Session)
            {
                Qos = Qos, NoLocal = NoLocal, RetainAsPublished = RetainAsPublished, SubscriptionIdentifiers = SubscriptionIdentifiers, Subscription = Subscription, Share = Share,
            };
        }

        Subscription = subscription;
        Share = subscription.Share;
        Qos = record.QualityOfService > Qos ? record.QualityOfService : Qos;
        // No Local holds the copy back only when every matching subscription asks for it.
        NoLocal &= record.NoLocal;
        RetainAsPublished |= record.RetainAsPublished;
        if (record.SubscriptionIdentifier != 0)
        {
            SubscriptionIdentifiers = [.. SubscriptionIdentifiers, record.SubscriptionIdentifier];
        }
    }
}

/// <summary>Everything that matches one topic, valid while the table's two versions stand.</summary>
internal sealed class MatchSet(long shardVersion, long wildcardVersion, Target[] targets, SharedTarget[] shared)
{
    public static readonly MatchSet Stale = new(-1, -1, [], []);

    public readonly long ShardVersion = shardVersion;
    public readonly long WildcardVersion = wildcardVersion;
    public readonly Target[] Targets = targets;
    public readonly SharedTarget[] Shared = shared;

    /// <summary>Other silos with subscribers that are not shared ones.</summary>
    public Peer[] Remotes { get; init; } = [];

    /// <summary>Silos with subscribers that are dead: messages for their durable sessions are kept until those are adopted.</summary>
    public Peer[] Orphans { get; init; } = [];
}

/// <summary>A topic name that has been published to, with what matches it.</summary>
internal sealed class TopicEntry(byte[] topic, int shard, bool isValid)
{
    public readonly byte[] Topic = topic;
    public readonly int Shard = shard;

    /// <summary>Within the limits on length and levels.</summary>
    public readonly bool IsValid = isValid;

    public volatile MatchSet Match = MatchSet.Stale;
}
