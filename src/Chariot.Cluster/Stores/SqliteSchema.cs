using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Chariot.Cluster.Stores;

/// <summary>Tables of the store. A published step never changes: a new version is a new step.</summary>
internal static class SqliteSchema
{
    /// <summary>"CHAR" in ASCII: marks the file as Chariot's.</summary>
    private const int ApplicationId = 0x43484152;

    private const string MessageColumns = """
            topic BLOB NOT NULL,
            properties BLOB NOT NULL,
            payload BLOB NOT NULL,
            qos INTEGER NOT NULL,
            retain INTEGER NOT NULL,
            publisher TEXT NOT NULL,
            published_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        """;

    private const string GrainStateColumns = """
            state_name TEXT NOT NULL,
            grain_key TEXT NOT NULL,
            data BLOB NOT NULL,
            etag INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            UNIQUE (state_name, grain_key)
        """;

    // queue.bytes repeats the message's size so that the sizes of all queues are one scan of small rows.
    // counter: 'etag' rises for the life of the store, so that a cleared and rewritten state never gets an ETag that
    // someone still holds from before. 'erase' is 1 while deleted configuration may be left in the file.
    private static readonly string[] Steps =
    [
        $"""
        CREATE TABLE message (id INTEGER PRIMARY KEY, {MessageColumns}) STRICT;
        CREATE TABLE queue (
            session INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            message INTEGER NOT NULL,
            qos INTEGER NOT NULL,
            packet_id INTEGER NOT NULL,
            state INTEGER NOT NULL,
            retain INTEGER NOT NULL,
            subscription_ids BLOB NOT NULL,
            bytes INTEGER NOT NULL,
            PRIMARY KEY (session, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX queue_message ON queue (message);
        CREATE TABLE inbound (
            session INTEGER NOT NULL,
            packet_id INTEGER NOT NULL,
            PRIMARY KEY (session, packet_id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE retained (id INTEGER PRIMARY KEY, message INTEGER NOT NULL, {MessageColumns}, UNIQUE (topic)) STRICT;
        CREATE TABLE grain_state (id INTEGER PRIMARY KEY, {GrainStateColumns}) STRICT;
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            actor TEXT NOT NULL,
            address TEXT NOT NULL,
            action TEXT NOT NULL,
            target TEXT NOT NULL,
            outcome TEXT NOT NULL,
            detail TEXT NOT NULL,
            hash BLOB NOT NULL
        ) STRICT;
        CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO counter VALUES ('etag', 0), ('erase', 0);
        """,
        "CREATE TABLE session_fence (session INTEGER PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;",
    ];

    /// <summary>
    /// Copies all grain state into fresh pages and frees the old ones, which secure_delete then zeroes whole. Zeroing single
    /// rows is not enough: when SQLite balances a B-tree it moves rows to a neighbour page and leaves their bytes in the
    /// unused middle of the old one (measured: 7 of 11,000 deleted rows after random updates).
    /// </summary>
    public const string RewriteGrainState = $"""
        CREATE TABLE grain_state_rewritten (id INTEGER PRIMARY KEY, {GrainStateColumns}) STRICT;
        INSERT INTO grain_state_rewritten SELECT * FROM grain_state ORDER BY id;
        DROP TABLE grain_state;
        ALTER TABLE grain_state_rewritten RENAME TO grain_state;
        {EraseDone}
        """;

    /// <summary>No deleted configuration is left in the data file once this is committed and the log is emptied.</summary>
    public const string EraseDone = "UPDATE counter SET value = 0 WHERE name = 'erase';";

    /// <summary>The newest version that this build reads and writes.</summary>
    public static int Version => Steps.Length;

    /// <summary>Brings the file to <see cref="Version"/>, each step in one transaction with its version number.</summary>
    public static void Migrate(SqliteConnection connection)
    {
        var applicationId = connection.ReadInt64("PRAGMA application_id");
        var version = connection.ReadInt64("PRAGMA user_version");
        var empty = connection.ReadInt64("SELECT COUNT(*) FROM sqlite_schema") == 0;
        if (!empty && applicationId != ApplicationId)
        {
            throw new StoreUnavailableException($"'{connection.DataSource}' is an SQLite database of another program. Choose another Chariot:DataDirectory.");
        }

        if (version > Version)
        {
            throw new StoreUnavailableException(
                $"'{connection.DataSource}' has schema version {version}, newer than the {Version} that this build knows. Start the newer Chariot, or restore a backup made by this one.");
        }

        for (var next = (int)version; next < Version; next++)
        {
            using var transaction = connection.BeginTransaction();
            connection.Execute(Steps[next]);
            connection.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA application_id = {ApplicationId}; PRAGMA user_version = {next + 1}"));
            transaction.Commit();
        }
    }
}
