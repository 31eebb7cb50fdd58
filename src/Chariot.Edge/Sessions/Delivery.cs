using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;

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

    /// <summary>The subscriber has finished with it, or it was removed.</summary>
    public bool Done;

    /// <summary>When it was sent, milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long SentAt;

    /// <summary>The publish that waits for this delivery; null when none does (any more).</summary>
    public PublishTicket? Ticket;

    public PublishTicket? TakeTicket()
    {
        var ticket = Ticket;
        Ticket = null;
        return ticket;
    }
}
