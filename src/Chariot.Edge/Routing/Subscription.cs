using System.Text;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Routing;

/// <summary>One subscription of a session held here, and whether its client may have it now.</summary>
internal sealed class Subscription
{
    public Subscription(ClientSession session, SubscriptionRecord record)
    {
        Session = session;
        Record = record;
        IsDurable = session.IsDurable;
        if (TopicFilter.TrySplitShared(record.Filter, out var group, out var inner))
        {
            Group = group.ToString();
            Filter = Encoding.UTF8.GetBytes(inner.ToString());
        }
        else
        {
            Filter = Encoding.UTF8.GetBytes(record.Filter);
        }
    }

    public ClientSession Session { get; }

    public SubscriptionRecord Record { get; }

    /// <summary>
    /// Its session was durable when it was subscribed, so that a silo which dies leaves it to others. It may have become transient since,
    /// never the other way round.
    /// </summary>
    public bool IsDurable { get; }

    /// <summary>Filter without a <c>$share</c> prefix, UTF-8.</summary>
    public byte[] Filter { get; }

    /// <summary>Share name; null for an ordinary subscription.</summary>
    public string? Group { get; }

    /// <summary>The shared subscription that it belongs to while it is in the route table.</summary>
    public SharedGroup? Share { get; set; }

    /// <summary>False while the ACL no longer covers it: it stays in the session and delivers nothing.</summary>
    public bool Active { get; set; } = true;
}
