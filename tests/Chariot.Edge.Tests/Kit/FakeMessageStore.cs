using System.Collections.Immutable;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Tests.Kit;

/// <summary>A store that commits when the test says so, in the order submitted, and keeps what it committed.</summary>
internal sealed class FakeMessageStore : IMessageStore, IStoreTransaction
{
    private readonly Lock _gate = new();
    private readonly Queue<object> _pending = new();
    private readonly SortedDictionary<(long Session, long Sequence), StoredDelivery> _rows = [];
    private readonly Dictionary<long, ApplicationMessage> _messages = [];
    private readonly HashSet<(long Session, ushort PacketId)> _inbound = [];
    private readonly Dictionary<long, long> _fences = [];

    public event Action? GroupCompleted;

    /// <summary>Works that fail; none by default.</summary>
    public Predicate<StoreWork> Fails { get; set; } = _ => false;

    /// <summary>Called when rows have been read and before they are handed over.</summary>
    public Action? AfterRead { get; set; }

    public int Pending
    {
        get
        {
            lock (_gate)
            {
                return _pending.Count;
            }
        }
    }

    public IReadOnlyList<StoredDelivery> Rows(long session)
    {
        lock (_gate)
        {
            return [.. _rows.Where(row => row.Key.Session == session).Select(row => row.Value)];
        }
    }

    public IReadOnlyList<ushort> Inbound(long session)
    {
        lock (_gate)
        {
            return [.. _inbound.Where(row => row.Session == session).Select(row => row.PacketId)];
        }
    }

    public StoredQueueSize? Size(long session) =>
        Rows(session) is { Count: > 0 } rows ? new StoredQueueSize(session, rows.Count, rows.Sum(row => (long)row.Message.Size), rows[^1].Sequence) : null;

    public void Submit(StoreWork work)
    {
        lock (_gate)
        {
            _pending.Enqueue(work);
        }
    }

    public Task FlushAsync()
    {
        var barrier = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _pending.Enqueue(barrier);
        }

        return barrier.Task;
    }

    /// <summary>Commits the oldest <paramref name="count"/> works, one by one.</summary>
    public void Commit(int count = int.MaxValue)
    {
        for (; count > 0; count--)
        {
            object next;
            lock (_gate)
            {
                if (!_pending.TryDequeue(out next!))
                {
                    break;
                }
            }

            if (next is TaskCompletionSource barrier)
            {
                barrier.SetResult();
                continue;
            }

            var work = (StoreWork)next;
            if (Fails(work))
            {
                work.OnFailed(new IOException("disk full"));
                continue;
            }

            try
            {
                // A fence comes before anything is changed.
                lock (_gate)
                {
                    work.Apply(this);
                }
            }
            catch (SessionFencedException fenced)
            {
                work.OnFailed(fenced);
                continue;
            }

            work.OnCommitted();
        }

        GroupCompleted?.Invoke();
    }

    /// <summary>The process dies: what was not committed never happened, and nobody hears of it.</summary>
    public void Crash()
    {
        lock (_gate)
        {
            _pending.Clear();
        }

        GroupCompleted = null;
    }

    public Task<IReadOnlyList<StoredDelivery>> ReadQueueAsync(long sessionId, long afterSequence, int limit, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<StoredDelivery> rows = [.. Rows(sessionId).Where(row => row.Sequence > afterSequence).Take(limit)];
        AfterRead?.Invoke();
        return Task.FromResult(rows);
    }

    public Task<IReadOnlyList<StoredQueueSize>> ReadQueuesAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<IReadOnlyList<(long SessionId, ushort PacketId)>> ReadInboundAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<(long, ushort)>>([.. _inbound]);
        }
    }

    public IAsyncEnumerable<ApplicationMessage> ReadRetainedAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public Task<IReadOnlyList<long>> ReadSessionIdsAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

    void IStoreTransaction.Fence(long sessionId, long epoch)
    {
        if (_fences.GetValueOrDefault(sessionId) is var fence && fence > epoch)
        {
            throw new SessionFencedException(sessionId, epoch, fence);
        }

        _fences[sessionId] = epoch;
    }

    void IStoreTransaction.PutMessage(ApplicationMessage message) => _messages.TryAdd(message.Id, message);

    void IStoreTransaction.PutDelivery(long sessionId, long sequence, long messageId, QualityOfService qos, ushort packetId, DeliveryState state, bool retain, ImmutableArray<uint> subscriptionIdentifiers) =>
        _rows[(sessionId, sequence)] = new StoredDelivery(sequence, _messages[messageId], qos, packetId, state, retain, subscriptionIdentifiers);

    void IStoreTransaction.SetDeliveryState(long sessionId, long sequence, ushort packetId, DeliveryState state)
    {
        if (_rows.TryGetValue((sessionId, sequence), out var row))
        {
            _rows[(sessionId, sequence)] = row with { PacketId = packetId, State = state };
        }
    }

    void IStoreTransaction.DeleteDelivery(long sessionId, long sequence) => _rows.Remove((sessionId, sequence));

    void IStoreTransaction.PutInbound(long sessionId, ushort packetId) => _inbound.Add((sessionId, packetId));

    void IStoreTransaction.DeleteInbound(long sessionId, ushort packetId) => _inbound.Remove((sessionId, packetId));

    void IStoreTransaction.DeleteSession(long sessionId)
    {
        foreach (var key in _rows.Keys.Where(key => key.Session == sessionId).ToList())
        {
            _rows.Remove(key);
        }

        _inbound.RemoveWhere(row => row.Session == sessionId);
    }

    void IStoreTransaction.PutRetained(ApplicationMessage message)
    {
    }

    void IStoreTransaction.DeleteRetained(ReadOnlyMemory<byte> topic)
    {
    }
}
