using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>How far a delivery's row is in the store.</summary>
internal enum Durability : byte
{
    /// <summary>In memory only.</summary>
    None,
    /// <summary>Handed to the store, not committed yet.</summary>
    Submitted,
    /// <summary>Committed.</summary>
    Stored,
}

/// <summary>
/// One QoS 1/2 message on its way to one session. Guarded by the session's gate. For a durable session the publisher's
/// acknowledgement (<see cref="Ticket"/>) waits until the subscriber has acknowledged or the row is committed.
/// </summary>
internal sealed class Delivery(ApplicationMessage message, QualityOfService qos, long sequence)
{
    public readonly ApplicationMessage Message = message;
    public readonly QualityOfService Qos = qos;

    /// <summary>Order within the session; key of its queue row.</summary>
    public readonly long Sequence = sequence;

    /// <summary>The shared subscription that chose this session for it; null for an ordinary one.</summary>
    public SharedGroup? Share;

    public bool Retain;
    public uint[] SubscriptionIdentifiers = [];

    /// <summary>0 until it enters the window; kept for every retransmission [MQTT-4.4.0-1].</summary>
    public ushort PacketId;

    public DeliveryState State;
    public Durability Durability;

    /// <summary>Its bytes must not leave before a commit that is under way (QoS 2: queue row with packet id).</summary>
    public bool AwaitsCommit;

    /// <summary>Not in memory: its row is read back when its turn comes.</summary>
    public bool Spilled;

    /// <summary>Sent on this or an earlier connection, so that the next transmission carries DUP.</summary>
    public bool Sent;

    /// <summary>It has gone to another member of its shared subscription, with its row.</summary>
    public bool Moved;

    /// <summary>The subscriber has finished with it, or it was removed.</summary>
    public bool Done;

    /// <summary>When it was sent, milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long SentAt;

    /// <summary>The publish that waits for this delivery; null when none does (any more).</summary>
    public PublishTicket? Ticket;

    /// <summary>
    /// Whether another member of the shared subscription may have it: never what was sent at QoS 2 [MQTT-4.8.2-5].
    /// </summary>
    public bool MayMove => Share is not null && !Done && (Qos == QualityOfService.AtLeastOnce || (!Sent && State == DeliveryState.Pending));

    public PublishTicket? TakeTicket()
    {
        var ticket = Ticket;
        Ticket = null;
        return ticket;
    }
}
