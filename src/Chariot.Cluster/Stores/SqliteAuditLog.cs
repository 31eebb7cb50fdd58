using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Stores;

/// <summary>The audit log in the store; <see cref="IStoreMaintenance.VerifyAuditAsync"/> checks its chain.</summary>
internal sealed class SqliteAuditLog(SqliteStore store) : IAuditLog
{
    private const string Select = $"SELECT {AuditTable.Columns} FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2";

    /// <inheritdoc/>
    public async Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // Not to be abandoned from here on: it may be committed.
        await store.WriteAsync(transaction =>
        {
            transaction.Audit.Append(entry);
            return true;
        });
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<AuditEntry>> ReadAsync(long? before, int limit, CancellationToken cancellationToken = default) => store.ReadAsync<IReadOnlyList<AuditEntry>>(
        Select,
        statement =>
        {
            var entries = new List<AuditEntry>();
            statement.Bind(1, before ?? long.MaxValue).Bind(2, Math.Max(0, limit));
            while (statement.Step())
            {
                entries.Add(AuditTable.ReadEntry(statement));
            }

            return entries;
        },
        cancellationToken);
}
