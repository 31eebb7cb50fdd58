using System.Diagnostics;
using System.Security.Cryptography;
using Chariot.Abstractions.Stores;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

namespace Chariot.Cluster.Stores;

internal sealed partial class SqliteStore
{
    /// <inheritdoc/>
    public async Task EraseAsync(EraseScope scope = EraseScope.GrainState, CancellationToken cancellationToken = default)
    {
        try
        {
            if (scope == EraseScope.Everything)
            {
                await WriteAsync(static transaction => Vacuum(transaction), outsideTransaction: true);
            }
            else
            {
                await WriteAsync(static transaction => RewriteGrainState(transaction.Connection));
            }

            // Real time: what is waited for is another process.
            var started = Stopwatch.GetTimestamp();
            while (!await WriteAsync(static transaction => TryEmptyLog(transaction.Connection), outsideTransaction: true))
            {
                if (Stopwatch.GetElapsedTime(started) > EraseTimeout)
                {
                    throw new IOException($"Another process keeps '{_directory.DatabasePath}' in use, so deleted data is still in its write-ahead log. Stop it (a backup, the sqlite3 shell) and try again.");
                }

                await Task.Delay(EraseRetry, cancellationToken);
            }
        }
        catch (SqliteException error)
        {
            throw new IOException($"Deleted data could not be erased from '{_directory.DatabasePath}': {error.Message} Check the disk's free space and try again.", error);
        }
    }

    /// <inheritdoc/>
    public async Task<long?> VerifyAuditAsync(CancellationToken cancellationToken = default)
    {
        const string Sql = $"SELECT {AuditTable.Columns} FROM audit WHERE id > ?1 ORDER BY id LIMIT 1000";
        var (lastId, lastHash) = (0L, Array.Empty<byte>());
        while (true)
        {
            var read = 0;
            var broken = await _readers.ReadAsync(
                Sql,
                statement =>
                {
                    statement.Bind(1, lastId);
                    for (; statement.Step(); read++)
                    {
                        var entry = AuditTable.ReadEntry(statement);
                        if (entry.Id != lastId + 1)
                        {
                            return lastId + 1;
                        }

                        var hash = AuditTable.Hash(lastHash, entry);
                        if (!CryptographicOperations.FixedTimeEquals(hash, statement.GetSpan(8)))
                        {
                            return entry.Id;
                        }

                        (lastId, lastHash) = (entry.Id, hash);
                    }

                    return (long?)null;
                },
                cancellationToken);
            if (broken is not null)
            {
                return broken;
            }

            if (read == 0)
            {
                break;
            }
        }

        // Rows cut off at the end break no hash, but SQLite remembers the last id it gave.
        var issued = await _readers.ReadAsync("SELECT seq FROM sqlite_sequence WHERE name = 'audit'", static statement => statement.ReadInt64() ?? 0, cancellationToken);
        return issued > lastId ? lastId + 1 : null;
    }

    /// <summary>
    /// At each start the log of the last run goes, with what it holds of rows deleted since; and if configuration was
    /// changed after the last erase, its old bytes too.
    /// </summary>
    private static void FinishErase(SqliteConnection connection, ILogger logger)
    {
        if (connection.ReadInt64("SELECT value FROM counter WHERE name = 'erase'") != 0)
        {
            using var transaction = connection.BeginTransaction();
            RewriteGrainState(connection);
            transaction.Commit();
        }

        if (!TryEmptyLog(connection))
        {
            LogNotEmptied(logger, connection.DataSource);
        }
    }

    private static bool RewriteGrainState(SqliteConnection connection)
    {
        connection.Execute(SqliteSchema.RewriteGrainState);
        return true;
    }

    private static bool Vacuum(SqliteStoreTransaction transaction)
    {
        transaction.Connection.Execute("VACUUM");
        transaction.Connection.Execute(SqliteSchema.EraseDone);
        return true;
    }

    /// <summary>Moves the log into the data file and cuts it to nothing; false when a reader is in the way.</summary>
    private static bool TryEmptyLog(SqliteConnection connection)
    {
        const int Brief = 100;
        var handle = connection.Handle!;
        // The writer must not wait long here: works queue up behind it. The caller tries again.
        raw.sqlite3_busy_timeout(handle, Brief);
        var result = raw.sqlite3_wal_checkpoint_v2(handle, null, raw.SQLITE_CHECKPOINT_TRUNCATE, out _, out _);
        raw.sqlite3_busy_timeout(handle, SqliteConnectionFactory.BusyTimeout);
        // The low byte is the plain code of an extended one.
        if ((result & 0xFF) is raw.SQLITE_BUSY or raw.SQLITE_LOCKED)
        {
            return false;
        }

        SqliteException.ThrowExceptionForRC(result, handle);
        return true;
    }

    [LoggerMessage(3104, LogLevel.Warning, "Another process keeps {Database} in use, so its write-ahead log may still hold deleted data. Stop it (a backup, the sqlite3 shell) and restart.")]
    private static partial void LogNotEmptied(ILogger logger, string database);
}
