using System.Collections.Concurrent;
using Azure;
using Azure.Data.Tables;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// Groups as table transactions, one or more per session, because no transaction spans partitions. The order is that of
/// docs/adr/0012: what must not be lost first, then what depends on it, and removals last. A group that fails midway is repeated
/// whole: every step may be done twice.
/// </summary>
internal sealed class AzureGroupTarget(AzureAccount account, ConcurrentDictionary<(long Session, long Sequence), bool> blobs, ConcurrentDictionary<string, bool> retainedBlobs) : IGroupTarget
{
    private const int Parallel = 16;
    private readonly RecordedGroup _group = new();
    private readonly Dictionary<int, Exception> _refused = [];
    private readonly AzureFences _fences = new(account);

    public long BytesWritten => _group.Bytes;

    public void Begin()
    {
        _group.Clear();
        _refused.Clear();
    }

    public void Apply(StoreWork work)
    {
        _group.BeginWork();
        work.Apply(_group);
        _group.RequireMessages();
    }

    // The writer's thread is the store's own: it may wait.
    public void Commit() => CommitAsync().GetAwaiter().GetResult();

    public void Rollback() => _group.Clear();

    public Exception? RefusalOf(int index) => _refused.GetValueOrDefault(index);

    public bool RunsAlone(StoreWork work) => false;

    public GroupFailure Judge(Exception error) => AzureFailure.Judge(error);

    public bool IsRefusal(Exception error) => error is RequestFailedException && Judge(error) != GroupFailure.OneWork;

    public void Dispose()
    {
    }

    private static Task ForEachAsync<T>(IEnumerable<T> items, Func<T, Task> act) => System.Threading.Tasks.Parallel.ForEachAsync(
        items, new ParallelOptions { MaxDegreeOfParallelism = Parallel }, async (item, _) => await act(item));

    private async Task CommitAsync()
    {
        var fenced = _group.HasFences ? _group.FencedSessions() : [];
        var epochs = await _fences.ReadAsync(fenced);
        var merged = _group.Merge(epochs, _refused);
        foreach (var (session, epoch) in merged.Fences)
        {
            _fences.Raise(session, epoch);
        }

        var guarded = fenced.Where(session => epochs.ContainsKey(session)).ToHashSet();
        var writer = new AzureSessionWriter(account, _fences);

        // 1. Sessions that ended, since their ids may be used again in the same group.
        await ForEachAsync(merged.DeletedSessions, writer.DeleteAsync);

        // 2. Rows with their messages, and fences.
        var rows = merged.Rows.ToLookup(static row => row.Key.Session);
        var puts = rows.Where(static session => session.Any(static row => row.Value.Kind != RowChangeKind.Delete)).Select(static session => session.Key).Union(guarded);
        await ForEachAsync(puts, session => PutAsync(writer, session, rows[session], merged, guarded.Contains(session)));

        // 3. Retained messages.
        await ForEachAsync(merged.Retained, entry => RetainAsync(writer, entry.Key, entry.Value));

        // 4. A publisher's packet id only when its message is safe; and what is done with.
        var inbound = merged.Inbound.ToLookup(static entry => entry.Key.Session);
        var rest = rows.Where(static session => session.Any(static row => row.Value.Kind == RowChangeKind.Delete)).Select(static session => session.Key).Union(inbound.Select(static entry => entry.Key));
        await ForEachAsync(rest, session => FinishAsync(writer, session, rows[session], inbound[session], guarded.Contains(session)));
    }

    private async Task PutAsync(AzureSessionWriter writer, long session, IEnumerable<KeyValuePair<(long Session, long Sequence), RowChange>> rows, MergedGroup merged, bool guarded)
    {
        var actions = new List<(TableTransactionAction, long)>();
        foreach (var (key, row) in rows)
        {
            if (row.Kind == RowChangeKind.SetState)
            {
                actions.Add((new(TableTransactionActionType.UpdateMerge, AzureRows.DeliveryState(session, key.Sequence, row), ETag.All), 0));
            }
            else if (row.Kind == RowChangeKind.Put)
            {
                var message = merged.FindMessage(row.MessageId)!;
                var large = AzureRows.NeedsBlob(message);
                if (large)
                {
                    blobs[key] = true;
                    await account.Content.GetBlobClient(AzureRows.BlobName(session, key.Sequence)).UploadAsync(new BinaryData(AzureRows.Content(message)), overwrite: true);
                }

                actions.Add((new(TableTransactionActionType.UpsertReplace, AzureRows.Delivery(session, key.Sequence, row, message)), large ? 0 : message.Size * 4L / 3));
            }
        }

        await writer.WriteAsync(session, actions, guarded);
    }

    private async Task FinishAsync(
        AzureSessionWriter writer,
        long session,
        IEnumerable<KeyValuePair<(long Session, long Sequence), RowChange>> rows,
        IEnumerable<KeyValuePair<(long Session, ushort PacketId), bool>> inbound,
        bool guarded)
    {
        var key = AzureAccount.Key(session);
        var actions = new List<(TableTransactionAction, long)>();
        foreach (var (id, there) in inbound)
        {
            var row = new TableEntity(key, AzureRows.InboundRow(id.PacketId));
            actions.Add((there ? new(TableTransactionActionType.UpsertReplace, row) : new(TableTransactionActionType.Delete, row, ETag.All), 0));
        }

        var removed = rows.Where(static row => row.Value.Kind == RowChangeKind.Delete).Select(static row => row.Key).ToList();
        actions.AddRange(removed.Select(row => (new TableTransactionAction(TableTransactionActionType.Delete, new TableEntity(key, AzureRows.QueueRow(row.Sequence)), ETag.All), 0L)));
        await writer.WriteAsync(session, actions, guarded);
        foreach (var row in removed.Where(row => blobs.TryRemove(row, out _)))
        {
            await account.Content.DeleteBlobIfExistsAsync(AzureRows.BlobName(row.Session, row.Sequence));
        }
    }

    private async Task RetainAsync(AzureSessionWriter writer, string hash, ApplicationMessage? message)
    {
        string? blob = null;
        if (message is null)
        {
            await account.Retained.DeleteEntityAsync(AzureRows.RetainedPartition(hash), hash, ETag.All);
        }
        else
        {
            if (AzureRows.NeedsBlob(message))
            {
                blob = AzureRows.RetainedBlobName(hash, message.Id);
                retainedBlobs[hash] = true;
                await account.Content.GetBlobClient(blob).UploadAsync(new BinaryData(AzureRows.Content(message)), overwrite: true);
            }

            await account.Retained.UpsertEntityAsync(AzureRows.Retained(hash, message), TableUpdateMode.Replace);
        }

        if (retainedBlobs.ContainsKey(hash))
        {
            await writer.DeleteBlobsAsync(AzureRows.RetainedBlobs(hash), except: blob);
            if (blob is null)
            {
                retainedBlobs.TryRemove(hash, out _);
            }
        }
    }
}
