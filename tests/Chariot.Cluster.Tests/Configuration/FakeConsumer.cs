using System.Collections.Concurrent;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Tests.Configuration;

/// <summary>Writes down what it is told in a journal that it may share with others.</summary>
internal sealed class FakeConsumer(string name, ConcurrentQueue<string> journal) : IConfigurationConsumer
{
    private readonly TaskCompletionSource _abandoned = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<long, TaskCompletionSource> _applied = new();

    public string? CannotPrepare { get; set; }

    public Exception? ApplyFailure { get; set; }

    public Func<ConfigurationChange, Task>? OnApply { get; set; }

    public TlsMaterial? Prepared { get; private set; }

    public List<ConfigurationChange> Changes { get; } = [];

    public Task Abandoned => _abandoned.Task;

    public Task Applied(long revision) => Source(revision).Task.WaitAsync(TimeSpan.FromSeconds(10));

    public Func<Task>? OnPrepare { get; set; }

    public async ValueTask<string?> PrepareTlsAsync(TlsMaterial candidate, CancellationToken cancellationToken)
    {
        journal.Enqueue($"{name} prepare {candidate.SetupId}");
        Prepared = candidate;
        if (OnPrepare is { } wait)
        {
            await wait();
        }

        return CannotPrepare;
    }

    public ValueTask AbandonTlsAsync()
    {
        journal.Enqueue($"{name} abandon");
        _abandoned.TrySetResult();
        return default;
    }

    public async ValueTask ApplyAsync(ConfigurationChange change, CancellationToken cancellationToken)
    {
        journal.Enqueue($"{name} apply {change.Configuration.Revision}");
        Changes.Add(change);
        if (OnApply is { } act)
        {
            await act(change);
        }

        if (ApplyFailure is { } failure)
        {
            throw failure;
        }

        Source(change.Configuration.Revision).TrySetResult();
    }

    /// <summary>Lets go of everything it was told.</summary>
    public void Forget()
    {
        Changes.Clear();
        Prepared = null;
    }

    private TaskCompletionSource Source(long revision) =>
        _applied.GetOrAdd(revision, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
