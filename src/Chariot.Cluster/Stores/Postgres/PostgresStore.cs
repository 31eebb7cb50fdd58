using System.Runtime.CompilerServices;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>
/// The store of a cluster on PostgreSQL: messages by Chariot's own tables, with one writer per process and pooled readers. Grain
/// state, membership and reminders go through Orleans' own providers on the same database.
/// </summary>
internal sealed partial class PostgresStore : IMessageStore, IStoreMaintenance, IDisposable, IAsyncDisposable
{
    private const int RetainedPage = 256;

    /// <summary>How long a start waits for a server that does not answer yet.</summary>
    private static readonly TimeSpan OpenPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan OpenRetry = TimeSpan.FromMilliseconds(500);

    private readonly GroupCommitWriter _writer;
    private readonly ILogger _logger;
    private int _disposed;

    private PostgresStore(NpgsqlDataSource source, long processStart, ILogger logger)
    {
        Source = source;
        ProcessStart = processStart;
        _logger = logger;
        _writer = new GroupCommitWriter(new PostgresGroupTarget(source), logger);
    }

    /// <inheritdoc/>
    public event Action? GroupCompleted
    {
        add => _writer.GroupCompleted += value;
        remove => _writer.GroupCompleted -= value;
    }

    /// <inheritdoc/>
    public int PendingWorks => _writer.Pending;

    /// <inheritdoc/>
    public long ProcessStart { get; }

    internal NpgsqlDataSource Source { get; }

    /// <summary>Connects, brings the schema up to date and takes the process's number.</summary>
    /// <exception cref="StoreUnavailableException">Not reachable within 30 s, refused, or written by a newer build.</exception>
    public static async Task<PostgresStore> OpenAsync(string connectionString, ILogger logger, CancellationToken cancellationToken = default)
    {
        var source = CreateSource(connectionString);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(OpenPatience);
        try
        {
            while (true)
            {
                try
                {
                    await PostgresSchema.MigrateAsync(source, patience.Token);
                    await using var command = source.CreateCommand("SELECT nextval('process_start')");
                    var number = (long)(await command.ExecuteScalarAsync(patience.Token))!;
                    return new PostgresStore(source, number, logger);
                }
                catch (Exception error) when (error is not StoreUnavailableException && PostgresFailure.Judge(error) == GroupFailure.Unreachable && !patience.IsCancellationRequested)
                {
                    LogNotYet(logger, error.Message);
                    await Task.Delay(OpenRetry, patience.Token);
                }
            }
        }
        catch (Exception error) when (error is NpgsqlException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            await source.DisposeAsync();
            throw new StoreUnavailableException(
                $"PostgreSQL cannot be used: {error.Message} Check that the server runs, and host, database, user and password in Chariot:Store:ConnectionString.", error) { IsUnreachable = patience.IsCancellationRequested };
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Submit(StoreWork work) => _writer.Submit(work);

    /// <inheritdoc/>
    public Task FlushAsync()
    {
        var work = new FlushWork();
        _writer.Submit(work);
        return work.Task;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredDelivery>> ReadQueueAsync(long sessionId, long afterSequence, int limit, CancellationToken cancellationToken = default) => ReadAsync<StoredDelivery>(
        """
        SELECT m.id, m.topic, m.properties, m.payload, m.qos, m.retain, m.publisher, m.published_at, m.expires_at,
            q.seq, q.qos, q.packet_id, q.state, q.retain, q.subscription_ids
        FROM queue AS q JOIN message AS m ON m.id = q.message
        WHERE q.session = $1 AND q.seq > $2 ORDER BY q.seq LIMIT $3
        """,
        static row => new StoredDelivery(
            row.GetInt64(9),
            ReadMessage(row),
            (QualityOfService)row.GetInt16(10),
            (ushort)row.GetInt32(11),
            (DeliveryState)row.GetInt16(12),
            row.GetBoolean(13),
            PostgresBatch.DecodeIdentifiers(row.GetFieldValue<byte[]>(14))),
        cancellationToken,
        sessionId,
        afterSequence,
        (long)Math.Max(0, limit));

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoredQueueSize>> ReadQueuesAsync(CancellationToken cancellationToken = default) => ReadAsync(
        "SELECT session, count(*), sum(bytes)::bigint, max(seq) FROM queue GROUP BY session",
        static row => new StoredQueueSize(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3)),
        cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<(long SessionId, ushort PacketId)>> ReadInboundAsync(CancellationToken cancellationToken = default) => ReadAsync(
        "SELECT session, packet_id FROM inbound ORDER BY session, packet_id", static row => (row.GetInt64(0), (ushort)row.GetInt32(1)), cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ApplicationMessage> ReadRetainedAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        const string Sql = """
            SELECT message, topic, properties, payload, qos, retain, publisher, published_at, expires_at, topic_hash
            FROM retained WHERE topic_hash > $1 ORDER BY topic_hash LIMIT $2
            """;
        var after = Array.Empty<byte>();
        while (true)
        {
            var page = await ReadAsync(Sql, static row => (Message: ReadMessage(row), Hash: row.GetFieldValue<byte[]>(9)), cancellationToken, after, RetainedPage);
            foreach (var (message, hash) in page)
            {
                after = hash;
                yield return message;
            }

            if (page.Count < RetainedPage)
            {
                yield break;
            }
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<long>> ReadSessionIdsAsync(CancellationToken cancellationToken = default) => ReadAsync(
        "SELECT session FROM queue UNION SELECT session FROM inbound UNION SELECT session FROM session_fence", static row => row.GetInt64(0), cancellationToken);

    /// <summary>
    /// Rewrites the table of grain state, so that no old version of a row is left in it. PostgreSQL's write-ahead log and its
    /// archives keep what they hold until they are recycled: what is in them is sealed with the master key.
    /// </summary>
    public async Task EraseAsync(EraseScope scope = EraseScope.GrainState, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var command = Source.CreateCommand(scope == EraseScope.Everything ? "VACUUM (FULL) orleansstorage, message, queue, retained, inbound, audit" : "VACUUM (FULL) orleansstorage");
            command.CommandTimeout = 0;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (NpgsqlException error)
        {
            throw new IOException($"Deleted data could not be erased from PostgreSQL: {error.Message} Check the server's free space and try again.", error);
        }
    }

    /// <inheritdoc/>
    public Task<long?> VerifyAuditAsync(CancellationToken cancellationToken = default) => PostgresAuditLog.VerifyAsync(this, cancellationToken);

    /// <summary>Reads rows on a pooled connection; a lost connection is tried once more, because a pool may hold dead ones.</summary>
    internal async Task<IReadOnlyList<T>> ReadAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
    {
        for (var again = true; ; again = false)
        {
            try
            {
                await using var command = Source.CreateCommand(sql);
                foreach (var parameter in parameters)
                {
                    command.Parameters.Add(new NpgsqlParameter { Value = parameter });
                }

                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                var rows = new List<T>();
                while (await reader.ReadAsync(cancellationToken))
                {
                    rows.Add(read(reader));
                }

                return rows;
            }
            catch (NpgsqlException error) when (again && PostgresFailure.Judge(error) == GroupFailure.Unreachable && !cancellationToken.IsCancellationRequested)
            {
                LogReadAgain(_logger, error.Message);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _writer.Dispose();
            Source.Dispose();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    private static NpgsqlDataSource CreateSource(string connectionString)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "chariot", MaxAutoPrepare = 50, AutoPrepareMinUsages = 2 };
        // Defaults of 15 s and 30 s hold a failing store for too long; what is given explicitly stays.
        if (!connectionString.Contains("Timeout", StringComparison.OrdinalIgnoreCase))
        {
            builder.Timeout = 5;
            builder.CommandTimeout = 20;
        }

        // A silo that hangs between the two round trips of a group holds row locks, and the one that adopts its sessions would wait for
        // them for as long as it hangs. Shorter than the time in which it is declared dead.
        builder.Options = string.Join(' ', new[] { builder.Options, "-c idle_in_transaction_session_timeout=4000" }.Where(option => !string.IsNullOrEmpty(option)));
        return new NpgsqlDataSourceBuilder(builder.ConnectionString).Build();
    }

    private static ApplicationMessage ReadMessage(NpgsqlDataReader row) => new()
    {
        Id = row.GetInt64(0),
        Topic = row.GetFieldValue<byte[]>(1),
        Properties = row.GetFieldValue<byte[]>(2),
        Payload = row.GetFieldValue<byte[]>(3),
        QualityOfService = (QualityOfService)row.GetInt16(4),
        Retain = row.GetBoolean(5),
        Publisher = row.GetString(6),
        PublishedAt = row.GetInt64(7),
        ExpiresAt = row.GetInt64(8),
    };

    [LoggerMessage(3302, LogLevel.Warning, "PostgreSQL does not answer yet: {Error} Trying again.")]
    private static partial void LogNotYet(ILogger logger, string error);

    [LoggerMessage(3303, LogLevel.Warning, "A read from PostgreSQL is tried once more: {Error}")]
    private static partial void LogReadAgain(ILogger logger, string error);
}
