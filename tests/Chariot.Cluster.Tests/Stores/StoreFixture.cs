using System.Text;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Cluster.Stores;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>A store in a fresh directory, which goes with it.</summary>
public sealed class StoreFixture : IDisposable
{
    public StoreFixture()
    {
        Directory = Path.Combine(Path.GetTempPath(), "chariot-store-" + Path.GetRandomFileName());
        Store = Open(Directory);
    }

    public string Directory { get; }

    public RecordingLogger Logger { get; } = new();

    internal SqliteStore Store { get; private set; }

    internal SqliteStore Reopen()
    {
        Store.Dispose();
        return Store = Open(Directory);
    }

    internal SqliteStore Open(string directory) => SqliteStore.Open(directory, Logger);

    public void Dispose()
    {
        Store.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    /// <summary>Submits and waits; throws what the work failed with.</summary>
    internal Task CommitAsync(Action<IStoreTransaction> apply)
    {
        var work = new TestWork(apply);
        Store.Submit(work);
        return work.Task;
    }

    internal long Count(string table) => Store.ReadAsync($"SELECT COUNT(*) FROM {table}", static statement => statement.ReadInt64()!.Value, default).GetAwaiter().GetResult();

    public static ApplicationMessage Message(long id, string topic = "a/b", string payload = "hello", bool retain = false) => new()
    {
        Id = id,
        Topic = Encoding.UTF8.GetBytes(topic),
        Properties = new byte[] { 1, 2, 3 },
        Payload = Encoding.UTF8.GetBytes(payload),
        QualityOfService = QualityOfService.AtLeastOnce,
        Retain = retain,
        Publisher = "sensor-ü",
        PublishedAt = 1_700_000_000_000,
        ExpiresAt = 1_800_000_000_000,
    };

    public static void PutDelivery(IStoreTransaction transaction, long session, long sequence, long message) =>
        transaction.PutDelivery(session, sequence, message, QualityOfService.AtLeastOnce, 0, DeliveryState.Pending, false, []);
}

internal sealed class TestWork(Action<IStoreTransaction> apply, Action? committed = null, Action<Exception>? failed = null) : StoreWork
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Task => _completion.Task;

    public override void Apply(IStoreTransaction transaction) => apply(transaction);

    public override void OnCommitted()
    {
        _completion.TrySetResult();
        committed?.Invoke();
    }

    public override void OnFailed(Exception error)
    {
        _completion.TrySetException(error);
        failed?.Invoke(error);
    }
}

public sealed class RecordingLogger : ILogger
{
    private readonly List<(int Id, LogLevel Level, string Text)> _events = [];

    public IReadOnlyList<(int Id, LogLevel Level, string Text)> Events
    {
        get
        {
            lock (_events)
            {
                return [.. _events];
            }
        }
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_events)
        {
            _events.Add((eventId.Id, logLevel, formatter(state, exception)));
        }
    }
}
