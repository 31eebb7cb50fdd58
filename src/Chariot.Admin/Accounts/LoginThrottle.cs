using System.Net;
using Chariot.Admin.Http;

namespace Chariot.Admin.Accounts;

/// <summary>
/// Slows down guessing. Per (address, username): five failures a minute are free, then each one makes the next attempt wait
/// 1, 2, 4 .. 60 s. Nobody is locked out for longer, and nobody but the address that failed. Memory is bounded.
/// </summary>
internal sealed class LoginThrottle(TimeProvider time)
{
    internal const int FreeFailures = 5;
    internal const int Capacity = 10_000;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(15);

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Address, string Username), Entry> _entries = [];

    /// <summary>How long to wait before the next attempt; null when it may be made now.</summary>
    public TimeSpan? WaitFor(IPAddress? address, string username)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            return _entries.TryGetValue(KeyOf(address, username), out var entry) && entry.BlockedUntil > now ? entry.BlockedUntil - now : null;
        }
    }

    public void Failed(IPAddress? address, string username)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var key = KeyOf(address, username);
            if (!_entries.TryGetValue(key, out var entry))
            {
                MakeRoom(now);
                _entries[key] = entry = new Entry();
            }

            if (now - entry.LastFailure > Forgotten)
            {
                entry.Failures.Clear();
                entry.Wait = TimeSpan.Zero;
            }

            entry.LastFailure = now;
            while (entry.Failures.TryPeek(out var oldest) && now - oldest > Window)
            {
                entry.Failures.Dequeue();
            }

            // Once waits have begun they keep growing, or a patient guesser would get five free attempts each minute for ever.
            entry.Failures.Enqueue(now);
            if (entry.Failures.Count >= FreeFailures || entry.Wait > TimeSpan.Zero)
            {
                entry.Wait = entry.Wait == TimeSpan.Zero ? TimeSpan.FromSeconds(1) : TimeSpan.FromTicks(Math.Min(entry.Wait.Ticks * 2, LongestWait.Ticks));
                entry.BlockedUntil = now + entry.Wait;
                entry.Failures.Clear();
            }
        }
    }

    public void Succeeded(IPAddress? address, string username)
    {
        lock (_lock)
        {
            _entries.Remove(KeyOf(address, username));
        }
    }

    private void MakeRoom(DateTimeOffset now)
    {
        if (_entries.Count < Capacity)
        {
            return;
        }

        foreach (var key in _entries.Where(e => now - e.Value.LastFailure > Forgotten).Select(e => e.Key).ToList())
        {
            _entries.Remove(key);
        }

        if (_entries.Count >= Capacity)
        {
            _entries.Remove(_entries.MinBy(e => e.Value.LastFailure).Key);
        }
    }

    private static (string, string) KeyOf(IPAddress? address, string username) => (RemoteNetwork.NameOf(address), Cut(username));

    private static string Cut(string username) => username.Length <= 256 ? username : username[..256];

    private sealed class Entry
    {
        public Queue<DateTimeOffset> Failures { get; } = new();
        public DateTimeOffset LastFailure { get; set; }
        public TimeSpan Wait { get; set; }
        public DateTimeOffset BlockedUntil { get; set; }
    }
}
