namespace Chariot.Edge.Limiting;

/// <summary>So many events a second, after a burst of as many (the generic cell rate algorithm: one number for a bucket). Not thread-safe.</summary>
internal struct EventRate
{
    // When everything counted so far would be over at exactly the rate.
    private long _due;

    /// <summary>Whether it is as if nothing had been counted.</summary>
    public readonly bool IsRested(long now) => _due <= now;

    /// <summary>Counts events that have happened; answers how long the next ones should wait.</summary>
    /// <param name="now">Timestamp, in <paramref name="frequency"/> a second.</param>
    public long Count(long count, int perSecond, long now, long frequency)
    {
        _due = Math.Max(_due, now) + (count * frequency / perSecond);
        return Math.Max(0, _due - now - frequency);
    }

    /// <summary>Forgets what would make the next ones wait for longer than <paramref name="longest"/>.</summary>
    public void Forgive(long longest, long now, long frequency) => _due = Math.Min(_due, now + frequency + longest);

    /// <summary>Counts one event if it is within the rate.</summary>
    public bool TryTake(int perSecond, long now, long frequency)
    {
        var before = _due;
        if (Count(1, perSecond, now, frequency) == 0)
        {
            return true;
        }

        _due = before;
        return false;
    }
}
