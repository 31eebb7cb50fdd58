using Azure;
using Azure.Data.Tables;
using Azure.Storage.Blobs.Models;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// Writes to the partition of one session. Each transaction carries the session's fence with its ETag when the group relies on
/// it, so that a silo that has lost the session cannot write even one.
/// </summary>
internal sealed class AzureSessionWriter(AzureAccount account, AzureFences fences)
{
    // Limits of a table transaction: 100 rows, 4 MiB.
    private const int MostActions = 99;
    private const long MostBytes = 3_000_000;
    private static readonly string[] KeyOnly = [nameof(TableEntity.RowKey)];

    /// <summary>Commits <paramref name="actions"/> in order, in as few transactions as there can be. A row to change or remove that is not there is passed over.</summary>
    public async Task WriteAsync(long session, IReadOnlyList<(TableTransactionAction Action, long Bytes)> actions, bool fenced)
    {
        var next = 0;
        do
        {
            var batch = new List<TableTransactionAction>();
            for (var bytes = 0L; next < actions.Count && batch.Count < MostActions && (batch.Count == 0 || bytes + actions[next].Bytes <= MostBytes); next++)
            {
                batch.Add(actions[next].Action);
                bytes += actions[next].Bytes;
            }

            await SubmitAsync(session, batch, fenced);
        }
        while (next < actions.Count);
    }

    /// <summary>Removes everything of the session, its fence last.</summary>
    public async Task DeleteAsync(long session)
    {
        var key = AzureAccount.Key(session);
        var rows = new List<(TableTransactionAction, long)>();
        await foreach (var row in account.Sessions.QueryAsync<TableEntity>(TableClient.CreateQueryFilter($"PartitionKey eq {key}"), select: KeyOnly))
        {
            rows.Add((new(TableTransactionActionType.Delete, new TableEntity(key, row.RowKey), ETag.All), 0));
        }

        rows.Reverse();
        if (rows.Count > 0)
        {
            await WriteAsync(session, rows, fenced: false);
        }

        fences.Forget(session);
        await DeleteBlobsAsync(AzureRows.SessionBlobs(session), except: null);
    }

    /// <summary>Removes the blobs whose names begin with <paramref name="prefix"/>.</summary>
    public async Task DeleteBlobsAsync(string prefix, string? except)
    {
        await foreach (var blob in account.Content.GetBlobsAsync(new GetBlobsOptions { Prefix = prefix }))
        {
            if (blob.Name != except)
            {
                await account.Content.DeleteBlobIfExistsAsync(blob.Name);
            }
        }
    }

    private async Task SubmitAsync(long session, List<TableTransactionAction> batch, bool fenced)
    {
        while (batch.Count > 0 || fenced)
        {
            var actions = fenced ? [fences.Check(session), .. batch] : batch;
            try
            {
                var answers = (await account.Sessions.SubmitTransactionAsync(actions)).Value;
                if (fenced)
                {
                    fences.Written(session, answers[0].Headers.ETag!.Value);
                }

                return;
            }
            catch (TableTransactionFailedException error) when (fenced && (error.FailedTransactionActionIndex ?? 0) == 0 && (AzureFailure.IsConflict(error) || error.Status == AzureFailure.NotFound))
            {
                fences.Forget(session);
                throw new FenceMovedException(error);
            }
            catch (TableTransactionFailedException error) when (error.Status == AzureFailure.NotFound && error.FailedTransactionActionIndex is { } missing)
            {
                batch.RemoveAt(missing - (fenced ? 1 : 0));
            }
        }
    }
}
