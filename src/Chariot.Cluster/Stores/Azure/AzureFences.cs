using System.Collections.Concurrent;
using Azure;
using Azure.Data.Tables;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// The fences that this process has met, each with the ETag of its row: as long as nobody else writes it, checking it costs no
/// request of its own. Used by the store's writer and by what it runs side by side, one session at a time each.
/// </summary>
internal sealed class AzureFences(AzureAccount account)
{
    private const int MostRemembered = 200_000;
    private const int Parallel = 16;
    private readonly ConcurrentDictionary<long, Fence> _known = [];

    /// <summary>Epochs of <paramref name="sessions"/>; those without a fence are left out.</summary>
    public async Task<Dictionary<long, long>> ReadAsync(long[] sessions)
    {
        if (_known.Count > MostRemembered)
        {
            _known.Clear();
        }

        await System.Threading.Tasks.Parallel.ForEachAsync(
            sessions.Where(session => !_known.ContainsKey(session)),
            new ParallelOptions { MaxDegreeOfParallelism = Parallel },
            async (session, token) =>
            {
                var row = await account.Sessions.GetEntityIfExistsAsync<TableEntity>(AzureAccount.Key(session), AzureRows.FenceKey, cancellationToken: token);
                _known[session] = row.HasValue ? new(row.Value!.GetInt64(AzureRows.Epoch)!.Value, row.Value.ETag) : new(null, default);
            });
        return sessions.Where(session => _known[session].Epoch is not null).ToDictionary(static session => session, session => _known[session].Epoch!.Value);
    }

    /// <summary>What the next write to the session raises its fence to.</summary>
    public void Raise(long session, long epoch) => _known[session] = _known[session] with { Next = epoch };

    /// <summary>The action that fails when the fence is no longer what was read.</summary>
    public TableTransactionAction Check(long session)
    {
        var fence = _known.GetValueOrDefault(session) ?? new Fence(null, default);
        var row = new TableEntity(AzureAccount.Key(session), AzureRows.FenceKey) { [AzureRows.Epoch] = fence.Next ?? fence.Epoch ?? 0 };
        return fence.Epoch is null
            ? new(TableTransactionActionType.Add, row)
            : new(TableTransactionActionType.UpdateReplace, row, fence.Tag);
    }

    public void Written(long session, ETag tag)
    {
        var fence = _known.GetValueOrDefault(session) ?? new Fence(null, default);
        _known[session] = new(fence.Next ?? fence.Epoch ?? 0, tag);
    }

    public void Forget(long session) => _known.TryRemove(session, out _);

    /// <param name="Epoch">Null: there is no row.</param>
    private sealed record Fence(long? Epoch, ETag Tag)
    {
        public long? Next { get; init; }
    }
}
