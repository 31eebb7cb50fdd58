namespace Chariot.Edge.Limiting;

internal enum QuotaLevel
{
    Free,
    /// <summary>From 70 % on.</summary>
    Alarm,
    /// <summary>From 90 % on.</summary>
    Refuses,
}

/// <summary>
/// What waits for all durable sessions of the node against its limit. Measured by the sweep, twice a second, so that no message has to count
/// it: the queues may go over by what comes in half a second, for which the last tenth is there.
/// </summary>
internal sealed class DurableQuota
{
    private volatile QuotaLevel _level;
    private long _bytes;

    /// <summary>At the last look.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Nothing more may be made to wait.</summary>
    public bool Refuses => _level == QuotaLevel.Refuses;

    /// <summary>Answers the level before and now.</summary>
    /// <param name="maximum">Bytes; 0 for any.</param>
    public (QuotaLevel Before, QuotaLevel Now) Measure(long bytes, long maximum)
    {
        Volatile.Write(ref _bytes, bytes);
        var before = _level;
        // In parts, because the product may be above the range.
        _level = maximum == 0 || bytes < maximum / 10 * 7 ? QuotaLevel.Free : bytes < maximum / 10 * 9 ? QuotaLevel.Alarm : QuotaLevel.Refuses;
        return (before, _level);
    }
}
