namespace Chariot.Abstractions.Stores;

/// <summary>
/// Message ids: 41 bits of Unix milliseconds at start, 22 bits of counter that may carry over. Rising within a process, and
/// above every id of an earlier run of the same node as long as it made fewer than 4 million messages per millisecond of life.
/// </summary>
public sealed class MessageIds(TimeProvider time)
{
    private long _last = time.GetUtcNow().ToUnixTimeMilliseconds() << 22;

    public long Next() => Interlocked.Increment(ref _last);
}
