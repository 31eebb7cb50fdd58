using System.Collections.Concurrent;
using Chariot.Abstractions.Access;

namespace Chariot.Cluster.Configuration;

/// <summary>
/// The credentials that this process has met, names that do not exist included. One read per name at a time. A result counts
/// only while its entry is still the one in the cache: a change replaces the entry, so a read that was under way when the
/// change came is thrown away by everybody who waits for it.
/// </summary>
internal sealed class CredentialCache(Func<string, Task<CredentialRecord?>> read, int maximumUnknownCharacters = CredentialCache.DefaultMaximumUnknownCharacters)
{
    // Strangers choose the names that do not exist: about 2 MiB of them, whatever their length.
    private const int DefaultMaximumUnknownCharacters = 1 << 20;

    // What an entry costs besides its name, in characters.
    private const int EntryCost = 128;

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private long _unknownCharacters;

    internal int Count => _entries.Count;

    /// <summary>The committed record; null when there is none. <paramref name="cancellationToken"/> ends the wait, not the read.</summary>
    public ValueTask<CredentialRecord?> FindAsync(string username, CancellationToken cancellationToken) =>
        _entries.TryGetValue(username, out var entry) && entry.Record is { IsCompletedSuccessfully: true } known
            ? new(known.Result)
            : new(ReadAsync(username, cancellationToken));

    /// <summary>
    /// Reads the <paramref name="changed"/> names that are cached again, or drops everything when it is null. What cannot be
    /// read is dropped and read again when asked for.
    /// </summary>
    public async Task RefreshAsync(IReadOnlyCollection<string>? changed)
    {
        if (changed is null)
        {
            _entries.Clear();
            Interlocked.Exchange(ref _unknownCharacters, 0);
            return;
        }

        List<Task> reads = [];
        foreach (var username in changed)
        {
            if (_entries.ContainsKey(username))
            {
                var entry = new Entry(this, username);
                _entries[username] = entry;
                reads.Add(entry.Record);
            }
        }

        await Task.WhenAll(reads).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task<CredentialRecord?> ReadAsync(string username, CancellationToken cancellationToken)
    {
        while (true)
        {
            var entry = _entries.GetOrAdd(username, static (name, cache) => new Entry(cache, name), this);
            var record = await entry.Record.WaitAsync(cancellationToken);
            if (IsCurrent(username, entry))
            {
                return record;
            }
        }
    }

    private bool IsCurrent(string username, Entry entry) => _entries.TryGetValue(username, out var current) && ReferenceEquals(current, entry);

    private async Task<CredentialRecord?> StartReadAsync(Entry entry)
    {
        try
        {
            var record = await read(entry.Username).ConfigureAwait(false);
            if (record is null)
            {
                BoundUnknown(entry.Username);
            }

            return record;
        }
        catch
        {
            _entries.TryRemove(new KeyValuePair<string, Entry>(entry.Username, entry));
            throw;
        }
    }

    private void BoundUnknown(string username)
    {
        var cost = username.Length + EntryCost;
        if (Interlocked.Add(ref _unknownCharacters, cost) <= maximumUnknownCharacters)
        {
            return;
        }

        // The entry being read is not complete yet and stays, so that its readers end.
        Interlocked.Exchange(ref _unknownCharacters, cost);
        foreach (var pair in _entries)
        {
            if (pair.Value.Record is { IsCompletedSuccessfully: true, Result: null })
            {
                _entries.TryRemove(pair);
            }
        }
    }

    private sealed class Entry(CredentialCache cache, string username)
    {
        private readonly Lock _lock = new();
        private Task<CredentialRecord?>? _record;

        public string Username => username;

        /// <summary>Started by the first who asks, so that an entry that loses the race into the cache reads nothing.</summary>
        public Task<CredentialRecord?> Record
        {
            get
            {
                if (_record is { } started)
                {
                    return started;
                }

                lock (_lock)
                {
                    return _record ??= Task.Run(() => cache.StartReadAsync(this));
                }
            }
        }
    }
}
