namespace Chariot.Edge.Limiting;

internal enum PressureLevel
{
    None,
    /// <summary>No connection is accepted.</summary>
    Accept,
    /// <summary>Those who send most are not read from either.</summary>
    Read,
}

/// <summary>
/// The managed heap against what the process may use (a container's limit, or the machine's memory), as the last collection found it. Not
/// thread-safe: the sweep asks.
/// </summary>
internal sealed class MemoryPressure
{
    /// <summary>Percent below the limit at which it is over, so that it does not flicker.</summary>
    private const int Hysteresis = 5;

    private static readonly TimeSpan CollectEvery = TimeSpan.FromSeconds(5);

    private readonly Func<(long Heap, long Limit)> _measure;
    private long _collectedAt;

    public MemoryPressure()
        : this(static () =>
        {
            var info = GC.GetGCMemoryInfo(GCKind.Any);
            return (info.HeapSizeBytes, info.TotalAvailableMemoryBytes);
        })
    {
    }

    /// <param name="measure">Bytes in use and bytes that may be.</param>
    public MemoryPressure(Func<(long Heap, long Limit)> measure) => _measure = measure;

    public PressureLevel Level { get; private set; }

    /// <param name="maximumPercent">0 for off.</param>
    public PressureLevel Look(int maximumPercent)
    {
        var (heap, limit) = _measure();
        if (maximumPercent == 0 || limit <= 0)
        {
            return Level = PressureLevel.None;
        }

        var percent = heap * 100.0 / limit;
        Level = percent > (maximumPercent + 100) / 2.0 ? PressureLevel.Read
            : percent > maximumPercent || (Level != PressureLevel.None && percent > maximumPercent - Hysteresis) ? PressureLevel.Accept
            : PressureLevel.None;
        if (Level != PressureLevel.None && Environment.TickCount64 - _collectedAt > CollectEvery.TotalMilliseconds)
        {
            // While little is read little is allocated, and without a collection nobody would find out that there is room again.
            _collectedAt = Environment.TickCount64;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }

        return Level;
    }
}
