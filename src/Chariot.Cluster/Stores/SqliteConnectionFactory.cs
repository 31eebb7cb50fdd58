using Microsoft.Data.Sqlite;

namespace Chariot.Cluster.Stores;

/// <summary>Opens connections with the settings that the store's promises rest on.</summary>
internal static class SqliteConnectionFactory
{
    /// <summary>How long a statement waits for another process (a backup, the sqlite3 shell) to let go, milliseconds.</summary>
    public const int BusyTimeout = 5_000;

    /// <summary>
    /// WAL with synchronous=FULL: a commit is on disk when COMMIT returns. secure_delete: deleted bytes become zeroes. A checkpoint
    /// after 4,000 pages (16 MiB) instead of 1,000: with large groups every commit or two would checkpoint. Foreign keys stay
    /// off: a message goes with its last queue row, which a foreign key cannot say.
    /// </summary>
    public static SqliteConnection OpenWriter(string path)
    {
        var connection = Open(path);
        try
        {
            if (!string.Equals(connection.ReadScalar("PRAGMA journal_mode = WAL") as string, "wal", StringComparison.Ordinal))
            {
                throw new StoreUnavailableException($"'{path}' is on a file system without shared memory, which SQLite's write-ahead log needs. Put Chariot:DataDirectory on a local disk.");
            }

            if (connection.ReadInt64("PRAGMA secure_delete = ON") != 1)
            {
                throw new StoreUnavailableException("This SQLite library was built without secure_delete; use the one that comes with Chariot.");
            }

            connection.Execute("""
                PRAGMA synchronous = FULL;
                PRAGMA foreign_keys = OFF;
                PRAGMA wal_autocheckpoint = 4000;
                PRAGMA journal_size_limit = 67108864;
                PRAGMA cache_size = -32768;
                """);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public static SqliteConnection OpenReader(string path)
    {
        var connection = Open(path);
        connection.Execute("PRAGMA query_only = ON");
        return connection;
    }

    private static SqliteConnection Open(string path)
    {
        // A pooled connection would keep the files open after the store has closed.
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            connection.Execute($"PRAGMA busy_timeout = {BusyTimeout}");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
