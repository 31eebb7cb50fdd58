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
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    public bool IsBlocked(string key) => _entries.TryGetValue(key, out var entry) && time.GetUtcNow() < entry.BlockedUntil;

    public void Succeeded(string key) => _entries.TryRemove(key, out _);

    public void Failed(string key)
    {
        var now = time.GetUtcNow();
        if (_entries.Count >= MaximumEntries)
        {
            _entries.Clear();
        }

        _entries.AddOrUpdate(
            key,
            _ => new Entry(1, now, now),
            (_, entry) =>
            {
                var failures = now - entry.Last > Window && now > entry.BlockedUntil + Window ? 1 : entry.Failures + 1;
                var wait = failures <= Free ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(60, 1 << Math.Min(6, failures - Free - 1)));
                return new Entry(failures, now, now + wait);
            });
    }

    private sealed record Entry(int Failures, DateTimeOffset Last, DateTimeOffset BlockedUntil);
}
