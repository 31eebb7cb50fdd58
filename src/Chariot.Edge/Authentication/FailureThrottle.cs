using System.Collections.Concurrent;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Slows guessing down: five failures a minute for one address and user name are free, then the pair waits 1, 2, 4 ... 60 s.
/// Never a lock-out of the user name alone, with which an attacker could lock a fleet out.
/// </summary>
internal sealed class FailureThrottle(TimeProvider time)
{
    private const int Free = 5;
    private const int MaximumEntries = 100_000;

    /// <summary>Entries forgotten at once when there are too many: those whose last failure is longest ago.</summary>
    private const int Evicted = MaximumEntries / 16;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Lock _evicting = new();
    private int _added;

    /// <summary>Pairs that are remembered.</summary>
    public int Count => _entries.Count;

    public bool IsBlocked(string key) => _entries.TryGetValue(key, out var entry) && time.GetUtcNow() < entry.BlockedUntil;

    public void Succeeded(string key) => _entries.TryRemove(key, out _);

    public void Failed(string key)
    {
        var now = time.GetUtcNow();
        _entries.AddOrUpdate(
            key,
            _ => new Entry(1, now, now),
            (_, entry) =>
            {
                var failures = now - entry.Last > Window && now > entry.BlockedUntil + Window ? 1 : entry.Failures + 1;
                var wait = failures <= Free ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(60, 1 << Math.Min(6, failures - Free - 1)));
                return new Entry(failures, now, now + wait);
            });
        // Approximate, and so without the locks of Count.
        if (Interlocked.Increment(ref _added) >= Evicted / 2)
        {
            EvictOldest();
        }
    }

    /// <summary>Failures in flood must not wash out what is known of the others.</summary>
    private void EvictOldest()
    {
        lock (_evicting)
        {
            Interlocked.Exchange(ref _added, 0);
            if (_entries.Count <= MaximumEntries - Evicted)
            {
                return;
            }

            foreach (var (key, entry) in _entries.ToArray().OrderBy(pair => pair.Value.BlockedUntil).Take(Evicted))
            {
                _entries.TryRemove(new KeyValuePair<string, Entry>(key, entry));
            }
        }
    }

    private sealed record Entry(int Failures, DateTimeOffset Last, DateTimeOffset BlockedUntil);
}
