using System.IO.Hashing;
using System.Runtime.InteropServices;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>Deliveries of shared subscriptions, which may leave this session for another member.</summary>
internal sealed partial class ClientSession
{
    private readonly HashSet<long> _claimed = [];
    private SharedGroup[] _shares = [];

    /// <summary>For choices that depend on the member's name; the same on every edge.</summary>
    public ulong Hash { get; } = XxHash3.HashToUInt64(MemoryMarshal.AsBytes(clientId.AsSpan()));

    /// <summary>For comparing members: messages that are unacknowledged or wait, then bytes that the transport has not taken.</summary>
    public long Load => ((_inflight.Count + WaitingCount) << 24) + Math.Min(_connection?.Outbound.WaitingBytes ?? 0, (1 << 24) - 1);

    /// <summary>Whether a message at QoS 1 or 2 would go over what may be stored for this session.</summary>
    public bool IsOverBudget(ApplicationMessage message, QualityOfService qos) =>
        _isDurable && qos != QualityOfService.AtMostOnce && IsOverBudget(message.Size);

    /// <summary>Called under <see cref="Gate"/>.</summary>
    public void Joined(SharedGroup group)
    {
        _shares = [.. _shares.Where(share => share != group), group];
    }

    /// <summary>Called under <see cref="Gate"/>.</summary>
    public void Left(SharedGroup group) => _shares = [.. _shares.Where(share => share != group)];

    /// <summary>The client of a durable session is gone: what was not sent to it may go to members that are there.</summary>
    public void OfferWaiting()
    {
        if (WaitingCount > 0)
        {
            foreach (var share in _shares)
            {
                share.HasBacklog = true;
                Services.Redelivery.Reclaim(share);
            }
        }
    }

    /// <summary>The first delivery of <paramref name="group"/> in memory that was never sent; it stays where it is.</summary>
    public Delivery? PeekWaiting(SharedGroup group)
    {
        lock (Gate)
        {
            for (var i = 0; i < _queue.Count; i++)
            {
                if (IsWaiting(_queue[i], group))
                {
                    return _queue[i];
                }
            }

            return null;
        }
    }

    /// <summary>Takes a delivery out of the queue, unless it was sent or settled meanwhile, or its client has come back.</summary>
    public bool TryTake(Delivery delivery, bool onlyWhileAway)
    {
        lock (Gate)
        {
            if (Ended || (onlyWhileAway && _connection is not null) || !IsWaiting(delivery, delivery.Share!) || _queue.RemoveAll(other => ReferenceEquals(other, delivery)).Count == 0)
            {
                return false;
            }

            delivery.Moved = true;
            _waitingCount--;
            _waitingBytes -= delivery.Message.Size;
            return true;
        }
    }

    /// <summary>The same for a row that is not in memory, while <see cref="ExamineStoredAsync"/> holds its readers off.</summary>
    public bool TryTake(StoredDelivery row, bool onlyWhileAway)
    {
        lock (Gate)
        {
            if (Ended || (onlyWhileAway && _connection is not null))
            {
                return false;
            }

            _waitingCount--;
            _waitingBytes -= row.Message.Size;
            return true;
        }
    }

    /// <summary>Who moves a row of the ended session: the first who asks.</summary>
    public bool Claim(long sequence)
    {
        lock (Gate)
        {
            return _claimed.Add(sequence);
        }
    }

    private static bool IsWaiting(Delivery delivery, SharedGroup group) => delivery.Share == group && !delivery.Sent && !delivery.Moved && delivery.MayMove;

    private void FetchBacklog()
    {
        if (_isDurable && _queue.Count == 0 && !_spilled && _inflight.Count < _window)
        {
            foreach (var share in _shares)
            {
                if (share.HasBacklog)
                {
                    Services.Redelivery.Reclaim(share);
                }
            }
        }
    }
}
