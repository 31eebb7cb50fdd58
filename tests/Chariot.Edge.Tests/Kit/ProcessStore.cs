using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Tests.Kit;

/// <summary>The store as one process sees it: when the process has died, what it still does on some thread reaches nobody.</summary>
internal sealed class ProcessStore(FakeMessageStore store) : IMessageStore
{
    private readonly Lock _gate = new();
    private bool _dead;

    public event Action? GroupCompleted
    {
        add => store.GroupCompleted += value;
        remove => store.GroupCompleted -= value;
    }

    public void Die()
    {
        lock (_gate)
        {
            _dead = true;
        }
    }

    public void Submit(StoreWork work)
    {
        lock (_gate)
        {
            if (!_dead)
            {
                store.Submit(work);
            }
        }
    }

    public Task FlushAsync()
    {
        lock (_gate)
        {
            return _dead ? new TaskCompletionSource().Task : store.FlushAsync();
        }
    }

    public Task<IReadOnlyList<StoredDelivery>> ReadQueueAsync(long sessionId, long afterSequence, int limit, CancellationToken cancellationToken = default) =>
        store.ReadQueueAsync(sessionId, afterSequence, limit, cancellationToken);

    public Task<IReadOnlyList<StoredQueueSize>> ReadQueuesAsync(CancellationToken cancellationToken = default) => store.ReadQueuesAsync(cancellationToken);

    public Task<IReadOnlyList<(long SessionId, ushort PacketId)>> ReadInboundAsync(CancellationToken cancellationToken = default) => store.ReadInboundAsync(cancellationToken);

    public IAsyncEnumerable<ApplicationMessage> ReadRetainedAsync(CancellationToken cancellationToken = default) => store.ReadRetainedAsync(cancellationToken);

    public Task<IReadOnlyList<long>> ReadSessionIdsAsync(CancellationToken cancellationToken = default) => store.ReadSessionIdsAsync(cancellationToken);
}
