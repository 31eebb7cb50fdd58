using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Tests.Configuration;

internal sealed class RecordingLogger<T> : ILogger<T>
{
    public ConcurrentQueue<(EventId Id, string Text)> Entries { get; } = new();

    public int Count(int id) => Entries.Count(entry => entry.Id.Id == id);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Entries.Enqueue((eventId, formatter(state, exception)));
}
