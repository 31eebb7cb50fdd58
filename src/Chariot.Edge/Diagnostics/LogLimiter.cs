using System.Collections.Concurrent;

namespace Chariot.Edge.Diagnostics;

/// <summary>
/// One line a minute for one address and cause, with how many were left out: a client that is refused a thousand times a second must not
/// fill the disk, nor hide what others do.
/// </summary>
internal sealed class LogLimiter(Func<long>? clock = null)
{
    private const long PeriodMilliseconds = 60_000;

    /// <summary>Beyond it all are forgotten, and each may write a line again: memory is bounded, lines nearly.</summary>
    private const int MaximumEntries = 10_000;

    private readonly Func<long> _clock = clock ?? (() => Environment.TickCount64);
    private readonly ConcurrentDictionary<(string Address, string Cause), Entry> _entries = new();

    /// <param name="address">With or without a port, which does not count.</param>
    /// <param name="leftOut">Lines of this kind since the last one that was written.</param>
    public bool Allows(string address, string cause, out int leftOut)
    {
        var colon = address.LastIndexOf(':');
        var key = (colon < 0 ? address : address[..colon], cause);
        if (_entries.Count >= MaximumEntries)
        {
            _entries.Clear();
        }

        var now = _clock();
        var entry = _entries.GetOrAdd(key, _ => new Entry { WrittenAt = long.MinValue });
        lock (entry)
        {
            if (entry.WrittenAt != long.MinValue && now - entry.WrittenAt < PeriodMilliseconds)
            {
                entry.LeftOut++;
                leftOut = 0;
                return false;
            }

            leftOut = entry.LeftOut;
            (entry.WrittenAt, entry.LeftOut) = (now, 0);
            return true;
        }
    }

    private sealed class Entry
    {
        public long WrittenAt;
        public int LeftOut;
    }
}
