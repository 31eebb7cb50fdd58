using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Stores;

/// <summary>Work of the store itself, awaited by its caller; what it runs may run twice, like any work.</summary>
internal abstract class SqliteWork : StoreWork
{
    /// <summary>Runs alone, between two groups: for what no transaction allows, like a checkpoint or VACUUM.</summary>
    public bool OutsideTransaction { get; init; }
}

/// <inheritdoc cref="SqliteWork"/>
internal sealed class SqliteWork<TResult>(Func<SqliteStoreTransaction, TResult> run) : SqliteWork
{
    // Continuations must not run on the writer's thread.
    private readonly TaskCompletionSource<TResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TResult _result = default!;

    public Task<TResult> Task => _completion.Task;

    public override void Apply(IStoreTransaction transaction) => _result = run((SqliteStoreTransaction)transaction);

    public override void OnCommitted() => _completion.TrySetResult(_result);

    public override void OnFailed(Exception error) => _completion.TrySetException(error);
}
