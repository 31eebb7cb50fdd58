using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Chariot.Cluster.Stores;

/// <summary>Connections for reading, which WAL lets run beside the writer. Opened when first needed.</summary>
internal sealed class SqliteReaderPool(string path) : IDisposable
{
    private const int MaxReaders = 4;
    private readonly ConcurrentBag<Reader> _idle = [];
    private readonly SemaphoreSlim _slots = new(MaxReaders);
    private int _disposed;

    /// <summary>
    /// Runs <paramref name="read"/> on a pool thread. Keep it short: a checkpoint cannot empty the log while a reader looks at it.
    /// </summary>
    public async Task<T> ReadAsync<T>(string sql, Func<SqliteStatement, T> read, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, typeof(SqliteStore));
            return await Task.Run(() => Read(sql, read), cancellationToken);
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>Waits for reads under way, refuses later ones, and closes the connections.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        for (var i = 0; i < MaxReaders; i++)
        {
            _slots.Wait();
        }

        while (_idle.TryTake(out var reader))
        {
            reader.Dispose();
        }

        // Late callers are let through to learn that the store is closed.
        _slots.Release(MaxReaders);
    }

    private T Read<T>(string sql, Func<SqliteStatement, T> read)
    {
        if (!_idle.TryTake(out var reader))
        {
            reader = new Reader(SqliteConnectionFactory.OpenReader(path));
        }

        try
        {
            var statement = reader.Statement(sql);
            try
            {
                return read(statement);
            }
            finally
            {
                statement.Reset();
            }
        }
        finally
        {
            _idle.Add(reader);
        }
    }

    private sealed class Reader(SqliteConnection connection) : IDisposable
    {
        private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);

        public SqliteStatement Statement(string sql)
        {
            if (!_statements.TryGetValue(sql, out var statement))
            {
                _statements.Add(sql, statement = new SqliteStatement(connection, sql));
            }

            return statement;
        }

        public void Dispose()
        {
            foreach (var statement in _statements.Values)
            {
                statement.Dispose();
            }

            connection.Dispose();
        }
    }
}
