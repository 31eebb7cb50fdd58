using System.Security.Cryptography;
using Chariot.Abstractions.Stores;
using Npgsql;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>The audit log of the cluster: one hash chain that all nodes append to, one after the other.</summary>
internal sealed class PostgresAuditLog(PostgresStore store) : IAuditLog
{
    private const string Columns = "id, at, actor, address, action, target, outcome, detail, hash";

    /// <inheritdoc/>
    public async Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken = default)
    {
        await using var connection = await store.Source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // The counter's row is the lock: the next appender waits for this commit.
        await using var next = new NpgsqlCommand("UPDATE counter SET value = value + 1 WHERE name = 'audit' RETURNING value", connection);
        var numbered = entry with { Id = (long)(await next.ExecuteScalarAsync(cancellationToken))! };
        await using var last = new NpgsqlCommand("SELECT hash FROM audit ORDER BY id DESC LIMIT 1", connection);
        var previous = (byte[]?)await last.ExecuteScalarAsync(cancellationToken) ?? [];
        await using var insert = new NpgsqlCommand($"INSERT INTO audit ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", connection);
        foreach (var value in new object[] { numbered.Id, numbered.At.UtcTicks, numbered.Actor, numbered.Address, numbered.Action, numbered.Target, numbered.Outcome, numbered.Detail, AuditTable.Hash(previous, numbered) })
        {
            insert.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        await insert.ExecuteNonQueryAsync(cancellationToken);
        // Not to be abandoned from here on: it may be committed.
        await transaction.CommitAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<AuditEntry>> ReadAsync(long? before, int limit, CancellationToken cancellationToken = default) => store.ReadAsync(
        $"SELECT {Columns} FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2", ReadEntry, cancellationToken, before ?? long.MaxValue, (long)Math.Max(0, limit));

    /// <inheritdoc cref="IStoreMaintenance.VerifyAuditAsync"/>
    public static async Task<long?> VerifyAsync(PostgresStore store, CancellationToken cancellationToken)
    {
        var (lastId, lastHash) = (0L, Array.Empty<byte>());
        while (true)
        {
            var page = await store.ReadAsync(
                $"SELECT {Columns} FROM audit WHERE id > $1 ORDER BY id LIMIT 1000", static row => (Entry: ReadEntry(row), Hash: row.GetFieldValue<byte[]>(8)), cancellationToken, lastId);
            foreach (var (entry, stored) in page)
            {
                if (entry.Id != lastId + 1)
                {
                    return lastId + 1;
                }

                var hash = AuditTable.Hash(lastHash, entry);
                if (!CryptographicOperations.FixedTimeEquals(hash, stored))
                {
                    return entry.Id;
                }

                (lastId, lastHash) = (entry.Id, hash);
            }

            if (page.Count == 0)
            {
                break;
            }
        }

        // Rows cut off at the end break no hash, but the counter remembers the last id.
        var issued = await store.ReadAsync("SELECT value FROM counter WHERE name = 'audit'", static row => row.GetInt64(0), cancellationToken);
        return issued[0] > lastId ? lastId + 1 : null;
    }

    private static AuditEntry ReadEntry(NpgsqlDataReader row) => new(
        row.GetInt64(0),
        new DateTimeOffset(row.GetInt64(1), TimeSpan.Zero),
        row.GetString(2),
        row.GetString(3),
        row.GetString(4),
        row.GetString(5),
        row.GetString(6),
        row.GetString(7));
}
