using System.Runtime.CompilerServices;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Stores;

/// <summary>
/// The embedded store: one SQLite file that holds messages, grain state and the audit log, with one writer and a few
/// readers. Owns the data directory while it is open.
/// </summary>
internal sealed partial class SqliteStore : IMessageStore, IStoreMaintenance, IDisposable, IAsyncDisposable
{
    /// <summary>Bytes of retained messages read at a time, so that no read holds its snapshot long.</summary>
    private const int RetainedPageBytes = 1024 * 1024;

    private static readonly TimeSpan EraseTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan EraseRetry = TimeSpan.FromMilliseconds(50);

    private readonly StoreDirectory _directory;
    private readonly SqliteReaderPool _readers;
    private int _disposed;

    private SqliteStore(StoreDirectory directory, SqliteConnection connection, ILogger logger)
    {
        _directory = directory;
        _readers = new SqliteReaderPool(directory.DatabasePath);
        WriterConnection = connection;
        Writer = new GroupCommitWriter(new SqliteGroupTarget(connection, logger), logger);
    }

    /// <inheritdoc/>
    public event Action? GroupCompleted
    {
        add => Writer.GroupCompleted += value;
        remove => Writer.GroupCompleted -= value;
    }

    /// <inheritdoc/>
    public int PendingWorks => Writer.Pending;

    internal GroupCommitWriter Writer { get; }

    /// <summary>For tests that make SQLite fail; only while nothing is submitted.</summary>
    internal SqliteConnection WriterConnection { get; }

    /// <summary>Opens or creates the store in <paramref name="dataDirectory"/>, and finishes what a crash cut short.</summary>
    /// <exception cref="StoreUnavailableException">In use by another process, newer than this build, damaged, or not writable.</exception>
    public static SqliteStore Open(string dataDirectory, ILogger logger)
    {
        var directory = StoreDirectory.Open(dataDirectory);
        SqliteConnection? connection = null;
        try
        {
            connection = SqliteConnectionFactory.OpenWriter(directory.DatabasePath);
            SqliteSchema.Migrate(connection);
            FinishErase(connection, logger);
            return new SqliteStore(directory, connection, logger);
        }
        catch (Exception error)
        {
            connection?.Dispose();
            directory.Dispose();
            if (error is SqliteException)
            {
                throw new StoreUnavailableException(
                    $"'{directory.DatabasePath}' cannot be opened: {error.Message} Check that no other program uses it, that the disk has space, and restore a backup if the file is damaged.", error);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public void Submit(StoreWork work) => Writer.Submit(work);

    /// <inheritdoc/>
    public Task FlushAsync()
    {
        var work = new FlushWork();
        Writer.Submit(work);
        return work.Task;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredDelivery>> ReadQueueAsync(long sessionId, long afterSequence, int limit, CancellationToken cancellationToken = default)
    {
        // CROSS JOIN fixes the order of the loops: rows of the session in sequence, each with its message.
        const string Sql = """
            SELECT m.id, m.topic, m.properties, m.payload, m.qos, m.retain, m.publisher, m.published_at, m.expires_at,
                q.seq, q.qos, q.packet_id, q.state, q.retain, q.subscription_ids
            FROM queue AS q CROSS JOIN message AS m ON m.id = q.message
            WHERE q.session = ?1 AND q.seq > ?2 ORDER BY q.seq LIMIT ?3
            """;
        return _readers.ReadAsync<IReadOnlyList<StoredDelivery>>(
            Sql,
            statement =>
            {
                var rows = new List<StoredDelivery>();
                statement.Bind(1, sessionId).Bind(2, afterSequence).Bind(3, Math.Max(0, limit));
                while (statement.Step())
                {
                    rows.Add(new StoredDelivery(
                        statement.GetInt64(9),
                        ReadMessage(statement),
                        (QualityOfService)statement.GetInt64(10),
                        (ushort)statement.GetInt64(11),
                        (DeliveryState)statement.GetInt64(12),
                        statement.GetBoolean(13),
                        SqliteStoreTransaction.DecodeIdentifiers(statement.GetSpan(14))));
                }

                return rows;
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredQueueSize>> ReadQueuesAsync(CancellationToken cancellationToken = default) => _readers.ReadAsync<IReadOnlyList<StoredQueueSize>>(
        "SELECT session, COUNT(*), SUM(bytes), MAX(seq) FROM queue GROUP BY session",
        static statement =>
        {
            var rows = new List<StoredQueueSize>();
            while (statement.Step())
            {
                rows.Add(new StoredQueueSize(statement.GetInt64(0), statement.GetInt64(1), statement.GetInt64(2), statement.GetInt64(3)));
            }

            return rows;
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<(long SessionId, ushort PacketId)>> ReadInboundAsync(CancellationToken cancellationToken = default) => _readers.ReadAsync<IReadOnlyList<(long, ushort)>>(
        "SELECT session, packet_id FROM inbound ORDER BY session, packet_id",
        static statement =>
        {
            var rows = new List<(long, ushort)>();
            while (statement.Step())
            {
                rows.Add((statement.GetInt64(0), (ushort)statement.GetInt64(1)));
            }

            return rows;
        },
        cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ApplicationMessage> ReadRetainedAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        const string Sql = "SELECT message, topic, properties, payload, qos, retain, publisher, published_at, expires_at, id FROM retained WHERE id > ?1 ORDER BY id";
        var after = long.MinValue;
        while (true)
        {
            var page = await _readers.ReadAsync(
                Sql,
                statement =>
                {
                    var rows = new List<ApplicationMessage>();
                    statement.Bind(1, after);
                    for (long bytes = 0; bytes < RetainedPageBytes && statement.Step(); bytes += rows[^1].Size + 64)
                    {
                        rows.Add(ReadMessage(statement));
                        after = statement.GetInt64(9);
                    }

                    return rows;
                },
                cancellationToken);
            if (page.Count == 0)
            {
                yield break;
            }

            foreach (var message in page)
            {
                yield return message;
            }
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<long>> ReadSessionIdsAsync(CancellationToken cancellationToken = default)
    {
        // Steps from one session to the next in the index: DISTINCT would read every row.
        const string Sql = """
            WITH RECURSIVE queued (id) AS (
                SELECT MIN(session) FROM queue
                UNION ALL SELECT (SELECT MIN(session) FROM queue WHERE session > id) FROM queued WHERE id IS NOT NULL)
            SELECT id FROM queued WHERE id IS NOT NULL UNION SELECT session FROM inbound UNION SELECT session FROM session_fence
            """;
        return _readers.ReadAsync<IReadOnlyList<long>>(
            Sql,
            static statement =>
            {
                var rows = new List<long>();
                while (statement.Step())
                {
                    rows.Add(statement.GetInt64(0));
                }

                return rows;
            },
            cancellationToken);
    }

    /// <summary>Applies <paramref name="run"/> on the writer; the result is there once it is committed.</summary>
    internal Task<T> WriteAsync<T>(Func<SqliteStoreTransaction, T> run, bool outsideTransaction = false)
    {
        var work = new SqliteWork<T>(run) { OutsideTransaction = outsideTransaction };
        Writer.Submit(work);
        return work.Task;
    }

    /// <inheritdoc cref="SqliteReaderPool.ReadAsync"/>
    internal Task<T> ReadAsync<T>(string sql, Func<SqliteStatement, T> read, CancellationToken cancellationToken) => _readers.ReadAsync(sql, read, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _readers.Dispose();
        Writer.Submit(new SqliteWork<bool>(static transaction => TryEmptyLog(transaction.Connection)) { OutsideTransaction = true });
        Writer.Dispose();
        _directory.Dispose();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    private static ApplicationMessage ReadMessage(SqliteStatement row) => new()
    {
        Id = row.GetInt64(0),
        Topic = row.GetBytes(1),
        Properties = row.GetBytes(2),
        Payload = row.GetBytes(3),
        QualityOfService = (QualityOfService)row.GetInt64(4),
        Retain = row.GetBoolean(5),
        Publisher = row.GetString(6),
        PublishedAt = row.GetInt64(7),
        ExpiresAt = row.GetInt64(8),
    };
}
