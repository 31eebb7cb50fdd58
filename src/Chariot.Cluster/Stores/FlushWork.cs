using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Stores;

/// <summary>Completes either way: whoever flushes wants to know that it is over.</summary>
internal sealed class FlushWork : StoreWork
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Task => _completion.Task;

    public override void Apply(IStoreTransaction transaction)
    {
    }

    public override void OnCommitted() => _completion.TrySetResult();

    public override void OnFailed(Exception error) => _completion.TrySetResult();
}
