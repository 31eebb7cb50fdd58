using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>A store to test, alone in its database.</summary>
internal abstract class StoreKit : IAsyncDisposable
{
    /// <summary>The store as the process has it open.</summary>
    public abstract IMessageStore Store { get; }

    /// <summary>Ends what a process has of the store; the data stays.</summary>
    public abstract Task CloseAsync();

    /// <summary>Closes, if need be, and opens the same data.</summary>
    public abstract Task ReopenAsync();

    /// <summary>Messages that are stored for queue rows.</summary>
    public abstract Task<long> CountMessagesAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>Submits and waits; throws what the work failed with.</summary>
    public Task CommitAsync(Action<IStoreTransaction> apply) => CommitAsync(Store, apply);

    public static Task CommitAsync(IMessageStore store, Action<IStoreTransaction> apply)
    {
        var work = new TestWork(apply);
        store.Submit(work);
        return work.Task;
    }
}
