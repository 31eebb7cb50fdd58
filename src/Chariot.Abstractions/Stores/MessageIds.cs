namespace Chariot.Abstractions.Stores;

/// <summary>
/// Message ids: 41 bits of milliseconds, 10 bits of <paramref name="processStart"/>, 12 bits of counter that carries over into the
/// milliseconds. Rising within a process, and above every id of an earlier run of the same node as long as it made fewer than 4
/// million messages per second of life. Processes that share a store have different numbers
/// (<see cref="IStoreMaintenance.ProcessStart"/>), so they never give the same id. A hybrid clock: an id is also above the time at
/// which it was given and above every id that was <see cref="Observe"/>d, so that the later of two retained messages has the higher id.
/// </summary>
public sealed class MessageIds(TimeProvider time, long processStart = 0)
{
    private const int CounterBits = 12;
    private const int ProcessBits = 10;
    private readonly long _process = (processStart & ((1L << ProcessBits) - 1)) << CounterBits;

    // Milliseconds and counter without the bits between them.
    private long _last = time.GetUtcNow().ToUnixTimeMilliseconds() << CounterBits;

    public long Next() => Expand(Interlocked.Increment(ref _last));

    /// <summary>The next id, above <paramref name="unixMilliseconds"/> as well.</summary>
    public long Next(long unixMilliseconds)
    {
        Raise(unixMilliseconds << CounterBits);
        return Next();
    }

    /// <summary>Makes every later id higher than <paramref name="id"/>, which another process gave.</summary>
    public void Observe(long id) => Raise((id >> (ProcessBits + CounterBits) << CounterBits) | (id & ((1L << CounterBits) - 1)));

    /// <summary>Whether this process, or an earlier run under the same number, gave <paramref name="id"/>.</summary>
    public bool IsOwn(long id) => (id & (((1L << ProcessBits) - 1) << CounterBits)) == _process;

    private void Raise(long least)
    {
        var last = Volatile.Read(ref _last);
        while (last < least)
        {
            var seen = Interlocked.CompareExchange(ref _last, least, last);
            if (seen == last)
            {
                return;
            }

            last = seen;
        }
    }

    private long Expand(long next) => ((next >> CounterBits) << (ProcessBits + CounterBits)) | _process | (next & ((1L << CounterBits) - 1));
}
