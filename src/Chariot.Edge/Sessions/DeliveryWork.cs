using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Chariot.Abstractions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Retained;

namespace Chariot.Edge.Sessions;

/// <summary>
/// What one publish (or one sweep over unacknowledged deliveries) puts into the store, in one commit: the message once, a
/// queue row per durable target, for QoS 2 the publisher's packet id, and the retained message of the topic.
/// </summary>
internal sealed class DeliveryWork(SessionServices services) : StoreWork
{
    private readonly List<(ClientSession Session, Delivery Delivery)> _rows = [];
    private List<(long SessionId, long Sequence)>? _moved;

    /// <summary>QoS 2: the durable publisher whose packet id is stored with the message.</summary>
    public (ClientSession Session, ushort PacketId)? Inbound { get; set; }

    /// <summary>
    /// Topic whose retained message has changed. What is retained when the work is applied is stored, not what it was when the
    /// work was made: two publishers may reach the store in the other order than the replica, and the replica is right.
    /// </summary>
    public (RetainedMessages Replica, ReadOnlyMemory<byte> Topic)? Retained { get; set; }

    /// <summary>Publish that waits for the commit itself (retained messages); targets carry their own.</summary>
    public PublishTicket? Ticket { get; set; }

    /// <summary>QoS 2: what may leave only after the commit: copies for targets without a row, and PUBREC.</summary>
    public Action<FlushBatch, ReasonCode>? AfterCommit { get; set; }

    public bool IsEmpty => _rows.Count == 0 && _moved is null && Inbound is null && Retained is null;

    public void Add(ClientSession session, Delivery delivery) => _rows.Add((session, delivery));

    /// <summary>The delivery leaves the queue of another member: in the same commit, so that it is in one of the two at any time.</summary>
    public void Move(long sessionId, long sequence) => (_moved ??= []).Add((sessionId, sequence));

    public override void Apply(IStoreTransaction transaction)
    {
        ClientSession? fenced = Inbound?.Session;
        fenced?.Fence(transaction);
        foreach (var (session, _) in _rows)
        {
            if (session != fenced)
            {
                fenced = session;
                session.Fence(transaction);
            }
        }

        if (Inbound is { } inbound)
        {
            transaction.PutInbound(inbound.Session.SessionId, inbound.PacketId);
        }

        ApplicationMessage? last = null;
        foreach (var (session, delivery) in _rows)
        {
            if (!ReferenceEquals(last, delivery.Message))
            {
                last = delivery.Message;
                transaction.PutMessage(last);
            }

            transaction.PutDelivery(session.SessionId, delivery.Sequence, delivery.Message.Id, delivery.Qos, delivery.Qos == QualityOfService.ExactlyOnce ? delivery.PacketId : (ushort)0, delivery.State, delivery.Retain, Identifiers(delivery));
        }

        foreach (var (sessionId, sequence) in _moved ?? [])
        {
            transaction.DeleteDelivery(sessionId, sequence);
        }

        if (Retained is { } retained)
        {
            retained.Replica.Store(retained.Topic, transaction);
        }
    }

    private static ImmutableArray<uint> Identifiers(Delivery delivery) =>
        ImmutableCollectionsMarshal.AsImmutableArray(delivery.Share is { } share ? [.. delivery.SubscriptionIdentifiers, share.Mark] : delivery.SubscriptionIdentifiers);

    public override void OnCommitted()
    {
        var batch = FlushBatch.Current;
        services.StoreCallbacks.Enter();
        try
        {
            foreach (var (session, delivery) in _rows)
            {
                session.OnStored(delivery, batch);
            }

            Ticket?.Complete(batch);
            AfterCommit?.Invoke(batch, ReasonCode.Success);
        }
        finally
        {
            services.StoreCallbacks.Leave();
        }
    }

    public override void OnFailed(Exception error)
    {
        var batch = FlushBatch.Current;
        var reason = error is SessionFencedException ? PublishTicket.NotTaken : ReasonCode.QuotaExceeded;
        // Another silo owns one of the sessions: it is no session of this edge any more.
        var lost = error is SessionFencedException fenced ? FindTarget(fenced.SessionId) : null;
        // QoS 2 is for all or for none: who has it already would get it again when its publisher repeats it.
        var goesOn = lost is not null && AfterCommit is null;
        if (lost is null)
        {
            services.Log.StoreRefused(error);
        }

        foreach (var (session, delivery) in _rows)
        {
            if (!goesOn || session == lost)
            {
                session.OnNotStored(delivery, reason, batch);
            }
        }

        if (lost is not null)
        {
            services.OnFenced(lost, batch);
        }

        if (goesOn)
        {
            _rows.RemoveAll(row => row.Session == lost);
            services.Store.Submit(this);
            return;
        }

        Ticket?.Fail(reason);
        Ticket?.Complete(batch);
        AfterCommit?.Invoke(batch, reason);
    }

    /// <summary>Null when it is the publisher's own session.</summary>
    private ClientSession? FindTarget(long sessionId) =>
        Inbound?.Session.SessionId == sessionId ? null : _rows.Find(row => row.Session.SessionId == sessionId).Session;
}

/// <summary>One small change of stored rows, with what to do once it is committed.</summary>
internal sealed class RowWork(SessionServices services, Action<IStoreTransaction> apply, Action<FlushBatch>? committed = null, Action? failed = null) : StoreWork
{
    public override void Apply(IStoreTransaction transaction) => apply(transaction);

    public override void OnCommitted() => committed?.Invoke(FlushBatch.Current);

    // Rows that could not be changed are found again at the next start: at worst a duplicate of QoS 1. For QoS 2 nothing is
    // answered, so that the client repeats its packet.
    public override void OnFailed(Exception error)
    {
        services.Log.StoreRefused(error);
        failed?.Invoke();
    }
}

/// <summary>Removes the row of a delivery that is done.</summary>
internal sealed class RemoveDeliveryWork(SessionServices services, long sessionId, long sequence) : StoreWork
{
    public override void Apply(IStoreTransaction transaction) => transaction.DeleteDelivery(sessionId, sequence);

    public override void OnFailed(Exception error) => services.Log.StoreRefused(error);
}
