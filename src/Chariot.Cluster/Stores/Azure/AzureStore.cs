using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Azure;
using Azure.Data.Tables;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>The store of a cluster on Azure Storage: tables for queues, retained messages and the audit log, with one writer per process.</summary>
internal sealed partial class AzureStore : IMessageStore, IStoreMaintenance, IDisposable, IAsyncDisposable
{
    private const int PageSize = 1000;
    private static readonly TimeSpan OpenPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan OpenRetry = TimeSpan.FromMilliseconds(500);
    private static readonly string[] SizeColumns = [nameof(TableEntity.PartitionKey), nameof(TableEntity.RowKey), AzureRows.Bytes];
    private static readonly string[] Keys = [nameof(TableEntity.PartitionKey), nameof(TableEntity.RowKey)];

    // Rows whose message lies in a blob, as far as this process has written or read them: who removes such a row removes the blob.
    private readonly ConcurrentDictionary<(long Session, long Sequence), bool> _blobs = [];
    private readonly ConcurrentDictionary<string, bool> _retainedBlobs = new(StringComparer.Ordinal);
    private readonly GroupCommitWriter _writer;
    private int _disposed;

    private AzureStore(AzureAccount account, long processStart, ILogger logger)
    {
        Account = account;
        ProcessStart = processStart;
        _writer = new GroupCommitWriter(new AzureGroupTarget(account, _blobs, _retainedBlobs), logger);
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

    internal AzureAccount Account { get; }

    /// <summary>Makes containers and tables that are missing and takes the process's number.</summary>
    /// <exception cref="StoreUnavailableException">Not reachable within 30 s, or refused.</exception>
    public static async Task<AzureStore> OpenAsync(string connectionString, string clusterId, ILogger logger, CancellationToken cancellationToken = default)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(OpenPatience);
        try
        {
            while (true)
            {
                try
                {
                    var account = await AzureAccount.OpenAsync(connectionString, clusterId, patience.Token);
                    return new AzureStore(account, await account.NextProcessStartAsync(patience.Token), logger);
                }
                catch (Exception error) when (AzureFailure.Judge(error) == GroupFailure.Unreachable && !patience.IsCancellationRequested)
                {
                    LogNotYet(logger, error.Message);
                    await Task.Delay(OpenRetry, patience.Token);
                }
            }
        }
        catch (Exception error) when (error is RequestFailedException or AggregateException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new StoreUnavailableException($"Azure Storage cannot be used: {error.Message} Check account, key and endpoints in Chariot:Store:ConnectionString.", error) { IsUnreachable = patience.IsCancellationRequested };
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
    public async Task<IReadOnlyList<StoredDelivery>> ReadQueueAsync(long sessionId, long afterSequence, int limit, CancellationToken cancellationToken = default)
    {
        var found = new List<StoredDelivery>();
        if (limit <= 0)
        {
            return found;
        }

        var filter = TableClient.CreateQueryFilter($"PartitionKey eq {AzureAccount.Key(sessionId)} and RowKey gt {AzureRows.QueueRow(afterSequence)} and RowKey lt {AzureRows.AfterQueue}");
        await foreach (var row in Account.Sessions.QueryAsync<TableEntity>(filter, Math.Min(limit, PageSize), cancellationToken: cancellationToken))
        {
            if (AzureRows.HasBlob(row))
            {
                _blobs[(sessionId, AzureRows.Sequence(row.RowKey))] = true;
            }

            if (await AzureRows.ReadDeliveryAsync(row, Account.Content, cancellationToken) is { } delivery)
            {
                found.Add(delivery);
            }

            if (found.Count == limit)
            {
                break;
            }
        }

        return found;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoredQueueSize>> ReadQueuesAsync(CancellationToken cancellationToken = default)
    {
        var sizes = new Dictionary<long, StoredQueueSize>();
        var filter = TableClient.CreateQueryFilter($"RowKey ge {AzureRows.QueueKey} and RowKey lt {AzureRows.AfterQueue}");
        await foreach (var row in Account.Sessions.QueryAsync<TableEntity>(filter, PageSize, SizeColumns, cancellationToken))
        {
            var session = AzureAccount.Number(row.PartitionKey);
            var size = sizes.GetValueOrDefault(session) ?? new StoredQueueSize(session, 0, 0, long.MinValue);
            sizes[session] = new StoredQueueSize(session, size.Count + 1, size.Bytes + row.GetInt64(AzureRows.Bytes)!.Value, Math.Max(size.HighestSequence, AzureRows.Sequence(row.RowKey)));
        }

        return [.. sizes.Values];
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<(long SessionId, ushort PacketId)>> ReadInboundAsync(CancellationToken cancellationToken = default)
    {
        const string AfterInbound = "j";
        var found = new List<(long, ushort)>();
        var filter = TableClient.CreateQueryFilter($"RowKey ge {AzureRows.InboundKey} and RowKey lt {AfterInbound}");
        await foreach (var row in Account.Sessions.QueryAsync<TableEntity>(filter, PageSize, Keys, cancellationToken))
        {
            found.Add((AzureAccount.Number(row.PartitionKey), AzureRows.InboundId(row.RowKey)));
        }

        return found;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ApplicationMessage> ReadRetainedAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var row in Account.Retained.QueryAsync<TableEntity>(maxPerPage: PageSize, cancellationToken: cancellationToken))
        {
            if (AzureRows.HasBlob(row))
            {
                _retainedBlobs[row.RowKey] = true;
            }

            if (await AzureRows.ReadMessageAsync(row, Account.Content, cancellationToken) is { } message)
            {
                yield return message;
            }
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<long>> ReadSessionIdsAsync(CancellationToken cancellationToken = default)
    {
        var ids = new HashSet<long>();
        await foreach (var row in Account.Sessions.QueryAsync<TableEntity>(maxPerPage: PageSize, select: Keys, cancellationToken: cancellationToken))
        {
            ids.Add(AzureAccount.Number(row.PartitionKey));
        }

        return [.. ids];
    }

    /// <summary>
    /// Nothing to do: what is overwritten or deleted is gone from the account, unless soft delete or versioning is switched on
    /// there; what they keep is sealed with the master key.
    /// </summary>
    public Task EraseAsync(EraseScope scope = EraseScope.GrainState, CancellationToken cancellationToken = default) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<long?> VerifyAuditAsync(CancellationToken cancellationToken = default) => new AzureAuditLog(Account).VerifyAsync(cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _writer.Dispose();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    [LoggerMessage(3305, LogLevel.Warning, "Azure Storage does not answer yet: {Error} Trying again.")]
    private static partial void LogNotYet(ILogger logger, string error);
}
