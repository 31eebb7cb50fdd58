namespace Chariot.Abstractions.Stores;

/// <summary>
/// Message ids: 41 bits of milliseconds, 10 bits of <paramref name="processStart"/>, 12 bits of counter that carries over into the
/// milliseconds, which begin with the Unix time at start. Rising within a process, and above every id of an earlier run of the
/// same node as long as it made fewer than 4 million messages per second of life. Processes that share a store have different
/// numbers (<see cref="IStoreMaintenance.ProcessStart"/>), so they never give the same id.
/// </summary>
public sealed class MessageIds(TimeProvider time, long processStart = 0)
{
    private const int CounterBits = 12;
    private const int ProcessBits = 10;
    private readonly long _process = (processStart & ((1L << ProcessBits) - 1)) << CounterBits;

    // Milliseconds and counter without the bits between them.
    private long _last = time.GetUtcNow().ToUnixTimeMilliseconds() << CounterBits;

    public long Next()
    {
        var next = Interlocked.Increment(ref _last);
        return ((next >> CounterBits) << (ProcessBits + CounterBits)) | _process | (next & ((1L << CounterBits) - 1));
    }
}
