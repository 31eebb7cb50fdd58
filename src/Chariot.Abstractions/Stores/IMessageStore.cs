using System.Collections.Immutable;
using Chariot.Abstractions.Topics;

namespace Chariot.Abstractions.Stores;

/// <summary>
/// Queues of durable sessions, QoS 2 packet ids, and retained messages. Work is committed in the order submitted, many at a
/// time in one transaction (group commit); a <see cref="StoreWork"/> is applied wholly or not at all. In a cluster several
/// silos use one store: what one has committed the others read, and <see cref="IStoreTransaction.Fence"/> keeps an old owner out.
/// While a store over the network cannot be reached, work waits and is committed in order when it can be reached again.
/// </summary>
public interface IMessageStore
{
    /// <summary>Queues <paramref name="work"/> for the next commit. Never blocks; never throws for a failing store.</summary>
    void Submit(StoreWork work);

    /// <summary>
    /// Raised on the writer's thread when all callbacks of one commit have run: the place to send what they have written.
    /// </summary>
    event Action? GroupCompleted;

    /// <summary>Completes when everything submitted before has been committed or has failed.</summary>
    Task FlushAsync();

    /// <summary>Queue rows of a session with a sequence above <paramref name="afterSequence"/>, in order.</summary>
    Task<IReadOnlyList<StoredDelivery>> ReadQueueAsync(long sessionId, long afterSequence, int limit, CancellationToken cancellationToken = default);

    /// <summary>Per session: rows, bytes and highest sequence; for every session that has rows.</summary>
    Task<IReadOnlyList<StoredQueueSize>> ReadQueuesAsync(CancellationToken cancellationToken = default);

    /// <summary>Inbound QoS 2 packet ids that have not been released, per session.</summary>
    Task<IReadOnlyList<(long SessionId, ushort PacketId)>> ReadInboundAsync(CancellationToken cancellationToken = default);

    /// <summary>All retained messages, in no particular order.</summary>
    IAsyncEnumerable<ApplicationMessage> ReadRetainedAsync(CancellationToken cancellationToken = default);

    /// <summary>Ids of sessions that own rows (queue, inbound or fence), to find those that no session record names any more.</summary>
    Task<IReadOnlyList<long>> ReadSessionIdsAsync(CancellationToken cancellationToken = default);
}

/// <summary>
/// One atomic piece of work. <see cref="Apply"/> runs on the store's writer and must only call the transaction; it may run
/// twice (a failed group is retried one by one). Exactly one of <see cref="OnCommitted"/> and <see cref="OnFailed"/> follows,
/// in submission order, on the writer's thread: it must be short and must not throw.
/// </summary>
public abstract class StoreWork
{
    public abstract void Apply(IStoreTransaction transaction);

    public virtual void OnCommitted()
    {
    }

    /// <summary>The store refused; <paramref name="error"/> is for the log. Nothing of the work was stored.</summary>
    public abstract void OnFailed(Exception error);
}

/// <summary>What a <see cref="StoreWork"/> can do. Deleting what is not there is not an error.</summary>
public interface IStoreTransaction
{
    /// <summary>
    /// Lets the work through only while no higher epoch has been given for the session, and refuses lower ones from its
    /// commit on. Refused: the work fails with <see cref="SessionFencedException"/> and nothing of it is stored. Call it
    /// before the other methods. A new owner submits it, alone or with its first rows, and reads the queue after its commit.
    /// </summary>
    void Fence(long sessionId, long epoch);

    /// <summary>Stores a message for queue rows of the same work to refer to; a second time for the same id does nothing.</summary>
    void PutMessage(ApplicationMessage message);

    /// <summary>Inserts a queue row; replaces one with the same session and sequence.</summary>
    void PutDelivery(long sessionId, long sequence, long messageId, QualityOfService qos, ushort packetId, DeliveryState state, bool retain, ImmutableArray<uint> subscriptionIdentifiers);

    void SetDeliveryState(long sessionId, long sequence, ushort packetId, DeliveryState state);

    /// <summary>Deletes a queue row, and its message when no other row refers to it.</summary>
    void DeleteDelivery(long sessionId, long sequence);

    void PutInbound(long sessionId, ushort packetId);

    void DeleteInbound(long sessionId, ushort packetId);

    /// <summary>Deletes all rows of a session.</summary>
    void DeleteSession(long sessionId);

    /// <summary>Stores or replaces the retained message of its topic.</summary>
    void PutRetained(ApplicationMessage message);

    void DeleteRetained(ReadOnlyMemory<byte> topic);
}

/// <summary>Where a queued QoS 1/2 delivery stands.</summary>
public enum DeliveryState : byte
{
    /// <summary>Not acknowledged; sent if it has a packet id.</summary>
    Pending = 0,
    /// <summary>QoS 2: the subscriber's PUBREC is committed, PUBREL may be sent.</summary>
    Released = 1,
}

/// <summary>One queue row with its message. <c>PacketId</c> 0: never sent.</summary>
public sealed record StoredDelivery(
    long Sequence,
    ApplicationMessage Message,
    QualityOfService Qos,
    ushort PacketId,
    DeliveryState State,
    bool Retain,
    ImmutableArray<uint> SubscriptionIdentifiers);

/// <summary>Size of one session's stored queue.</summary>
public sealed record StoredQueueSize(long SessionId, long Count, long Bytes, long HighestSequence);

/// <summary>Another silo owns the session under a higher epoch: route the work to it.</summary>
public sealed class SessionFencedException(long sessionId, long epoch, long storedEpoch)
    : Exception($"Session {sessionId} has been taken over: epoch {epoch} is refused, the store has {storedEpoch}.")
{
    public long SessionId { get; } = sessionId;

    public long Epoch { get; } = epoch;

    /// <summary>The epoch that refused it.</summary>
    public long StoredEpoch { get; } = storedEpoch;
}
