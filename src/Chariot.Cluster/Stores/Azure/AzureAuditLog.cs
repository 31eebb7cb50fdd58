using System.Security.Cryptography;
using Azure;
using Azure.Data.Tables;
using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// The audit log of the cluster: one partition, so that an entry and the head of the hash chain are written together. Of two
/// nodes that append at once one repeats.
/// </summary>
internal sealed class AzureAuditLog(AzureAccount account) : IAuditLog
{
    private const string Partition = "audit";
    private const string Head = "head";
    private const string LastId = "lastId";
    private const string HashColumn = "hash";
    private const string EntryKey = "e";

    // A text column holds 32 K characters.
    private const int DetailPart = 30_000;

    /// <inheritdoc/>
    public async Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var head = await account.Records.GetEntityIfExistsAsync<TableEntity>(Partition, Head, cancellationToken: cancellationToken);
            var numbered = entry with { Id = (head.HasValue ? head.Value!.GetInt64(LastId)!.Value : 0) + 1 };
            var hash = AuditTable.Hash(head.HasValue ? head.Value!.GetBinary(HashColumn) : [], numbered);
            var next = new TableEntity(Partition, Head) { [LastId] = numbered.Id, [HashColumn] = hash };
            try
            {
                // Not to be abandoned from here on: it may be committed.
                await account.Records.SubmitTransactionAsync(
                    [
                        head.HasValue ? new(TableTransactionActionType.UpdateReplace, next, head.Value!.ETag) : new(TableTransactionActionType.Add, next),
                        new(TableTransactionActionType.Add, Row(numbered, hash)),
                    ],
                    CancellationToken.None);
                return;
            }
            catch (RequestFailedException error) when (AzureFailure.IsConflict(error))
            {
                await Task.Delay(Random.Shared.Next(1, 30), cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<AuditEntry>> ReadAsync(long? before, int limit, CancellationToken cancellationToken = default)
    {
        // Rows sort upward; ids are without gaps, so the page lies just below.
        var above = before ?? ((await LastIdAsync(cancellationToken)) + 1);
        var entries = new List<AuditEntry>();
        await foreach (var (entry, _) in ReadRowsAsync(Math.Max(0, above - Math.Max(0, limit)) - 1, above, cancellationToken))
        {
            entries.Add(entry);
        }

        entries.Reverse();
        return entries;
    }

    /// <inheritdoc cref="IStoreMaintenance.VerifyAuditAsync"/>
    public async Task<long?> VerifyAsync(CancellationToken cancellationToken)
    {
        var (lastId, lastHash) = (0L, Array.Empty<byte>());
        await foreach (var (entry, stored) in ReadRowsAsync(0, long.MaxValue, cancellationToken))
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

        return await LastIdAsync(cancellationToken) > lastId ? lastId + 1 : null;
    }

    private static TableEntity Row(AuditEntry entry, byte[] hash)
    {
        var row = new TableEntity(Partition, EntryKey + AzureAccount.Key(entry.Id))
        {
            ["at"] = entry.At.UtcTicks,
            ["actor"] = entry.Actor,
            ["address"] = entry.Address,
            ["action"] = entry.Action,
            ["target"] = entry.Target,
            ["outcome"] = entry.Outcome,
            [HashColumn] = hash,
        };
        var parts = entry.Detail.Chunk(DetailPart).ToList();
        row["details"] = parts.Count;
        for (var i = 0; i < parts.Count; i++)
        {
            row[Detail(i)] = new string(parts[i]);
        }

        return row;
    }

    private static string Detail(int part) => "detail" + part.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private async Task<long> LastIdAsync(CancellationToken cancellationToken)
    {
        var head = await account.Records.GetEntityIfExistsAsync<TableEntity>(Partition, Head, cancellationToken: cancellationToken);
        return head.HasValue ? head.Value!.GetInt64(LastId)!.Value : 0;
    }

    /// <summary>Entries between two ids, neither included, upward.</summary>
    private async IAsyncEnumerable<(AuditEntry Entry, byte[] Hash)> ReadRowsAsync(long above, long below, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var filter = TableClient.CreateQueryFilter($"PartitionKey eq {Partition} and RowKey gt {EntryKey + AzureAccount.Key(above)} and RowKey lt {EntryKey + AzureAccount.Key(below)}");
        await foreach (var row in account.Records.QueryAsync<TableEntity>(filter, cancellationToken: cancellationToken))
        {
            var entry = new AuditEntry(
                AzureAccount.Number(row.RowKey.AsSpan(EntryKey.Length)),
                new DateTimeOffset(row.GetInt64("at")!.Value, TimeSpan.Zero),
                row.GetString("actor"),
                row.GetString("address"),
                row.GetString("action"),
                row.GetString("target"),
                row.GetString("outcome"),
                string.Concat(Enumerable.Range(0, row.GetInt32("details")!.Value).Select(part => row.GetString(Detail(part)))));
            yield return (entry, row.GetBinary(HashColumn));
        }
    }
}
