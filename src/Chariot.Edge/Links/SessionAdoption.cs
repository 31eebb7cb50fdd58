using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Orleans.Runtime;

namespace Chariot.Edge.Links;

/// <summary>
/// Durable sessions whose silo is gone: asks the partition grains to have them adopted, and adopts those that they give to this edge,
/// in bulk from the store.
/// </summary>
internal sealed class SessionAdoption(
    IGrainFactory grains,
    IGrainStateIndex states,
    IConfigurationFeed feed,
    SessionRegistry sessions,
    SessionEnd ends,
    SessionServices services,
    PeerLog log)
{
    private const int PageSize = 1000;
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(500);

    private const int Closers = 32;

    // With the time that a call may take, some minutes.
    private const int CloseAttempts = 60;

    // More than publishers have under way to one session.
    private const int MaximumUnsettled = 1024;

    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Adoption> _adoptions = [];
    private List<Request> _waiting = [];
    private bool _running;

    /// <summary>Completes when every durable session of the store is held by a live silo and its routes are known everywhere.</summary>
    public Task AdoptAllAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(Enumerable.Range(0, SessionPartitions.Count).Select(partition => AdoptPartitionAsync(partition, cancellationToken)));

    /// <summary>This edge knows its peers: it may adopt.</summary>
    public void Joined() => _joined.TrySetResult();

    /// <summary>Adopts what a partition grain gives to this edge. Requests that come together share one read of the store.</summary>
    public Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch)
    {
        var request = new Request(partition, owners.ToDictionary(owner => owner.Owner), epoch, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_gate)
        {
            _waiting.Add(request);
            if (!_running)
            {
                _running = true;
                _ = RunAsync();
            }
        }

        return request.Done.Task;
    }

    /// <summary>A silo, null for this one, keeps nothing any more for <paramref name="lost"/>.</summary>
    public void OnSwitched(SiloAddress lost, SiloAddress? origin) => Change(adoption => adoption.OnSwitched(lost, origin));

    /// <summary>A silo is dead: it will not send what it kept for others that were.</summary>
    public void OnLost(SiloAddress origin) => Change(adoption => adoption.OnLost(origin));

    private void Change(Action<Adoption> change)
    {
        lock (_gate)
        {
            _adoptions.ForEach(change);
            _adoptions.RemoveAll(adoption => adoption.IsOver);
        }
    }

    private Adoption Begin(LostOwner owner)
    {
        var adoption = new Adoption(owner.Holders, services.Peers.All.Select(peer => peer.Silo));
        lock (_gate)
        {
            _adoptions.Add(adoption);
        }

        return adoption;
    }

    private async Task AdoptPartitionAsync(int partition, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await grains.GetGrain<ISessionPartitionGrain>(partition).AdoptAsync().WaitAsync(cancellationToken);
                return;
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested)
            {
                log.AdoptionFailed(error);
                await Task.Delay(Again, services.Time, cancellationToken);
            }
        }
    }

    private async Task RunAsync()
    {
        while (true)
        {
            await Task.Yield();
            List<Request> requests;
            lock (_gate)
            {
                if (_waiting.Count == 0)
                {
                    _running = false;
                    return;
                }

                requests = _waiting;
                _waiting = [];
            }

            try
            {
                await LoadAsync(requests.ToLookup(request => request.Partition));
                requests.ForEach(request => request.Done.SetResult());
            }
            catch (Exception error)
            {
                requests.ForEach(request => request.Done.TrySetException(error));
            }
        }
    }

    private async Task LoadAsync(ILookup<int, Request> requests)
    {
        await _joined.Task;
        var ended = new List<SessionRecord>();
        var adopted = new Dictionary<long, (ClientSession Session, long Epoch)>();
        var begun = requests.SelectMany(partition => partition).SelectMany(request => request.Owners.Values).ToDictionary(owner => owner, Begin);
        string? after = null;
        while (true)
        {
            var page = await states.ReadAsync<SessionRecord>(StateNames.Session, after, PageSize);
            foreach (var (key, record) in page)
            {
                after = key;
                if (record.Owner is null || requests[SessionPartitions.Of(record.ClientId)].FirstOrDefault(request => request.Owners.ContainsKey(record.Owner)) is not { } request)
                {
                    continue;
                }

                if (record.DisconnectedAt is null)
                {
                    ended.Add(record);
                }

                if (record.ExpirySeconds > 0 && sessions.AddStored(record, begun[request.Owners[record.Owner]]) is { } session)
                {
                    session.FenceEpoch = request.Epoch;
                    session.WillDueAt = record.ExpirySeconds == 0 || record.Will is not { } will ? null : (record.DisconnectedAt ?? services.Time.GetUtcNow()).AddSeconds(will.DelaySeconds);
                    session.Access = new ClientAccess(await AccessResolver.ResolveAsync(feed, record.Principal, record.ClientId));
                    sessions.Reconsider(session);
                    adopted[record.SessionId] = (session, request.Epoch);
                }
            }

            if (page.Count < PageSize)
            {
                break;
            }
        }

        await ContinueAsync(adopted);
        while (!await services.Peers.WhenRoutesKnownAsync(withRetained: false))
        {
            log.BarrierRepeated(PeerSet.BarrierLimit.TotalSeconds);
        }

        if (adopted.Count > 0)
        {
            log.Adopted(adopted.Count);
        }

        _ = Parallel.ForEachAsync(ended, new ParallelOptions { MaxDegreeOfParallelism = Closers }, CloseAsync);
    }

    /// <summary>
    /// The silo of this session's connection died with it: the time of a durable session begins, the will of one that ends with its
    /// connection is due. Only once: the grain answers for one of those who ask. It may have been on that silo too, and the store may be
    /// busy: it is asked again.
    /// </summary>
    private async ValueTask CloseAsync(SessionRecord record, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await CloseOnceAsync(record, cancellationToken);
                return;
            }
            catch (Exception error) when (attempt < CloseAttempts && !cancellationToken.IsCancellationRequested)
            {
                log.CloseRepeated(error, record.ClientId);
                await Task.Delay(Again, services.Time, cancellationToken);
            }
            catch (Exception error)
            {
                log.CloseFailed(error, record.ClientId);
                return;
            }
        }
    }

    private async ValueTask CloseOnceAsync(SessionRecord record, CancellationToken cancellationToken)
    {
        // What may fail without a trace comes before the grain forgets the session.
        var access = new ClientAccess(await AccessResolver.ResolveAsync(feed, record.Principal, record.ClientId, cancellationToken));
        var grain = grains.GetGrain<ISessionGrain>(record.ClientId);
        if (record.ExpirySeconds > 0)
        {
            await grain.CloseAsync(record.Epoch, record.ExpirySeconds, keepWill: record.Will is not null);
        }
        else if (await grain.RemoveAsync(record.Epoch))
        {
            ends.PublishWill(new ClientSession(record.ClientId, record.SessionId, record.Principal, services) { Will = record.Will, Access = access });
        }
    }

    /// <summary>Keeps the lost silo out of the rows, then goes on with what it left there.</summary>
    private async Task ContinueAsync(Dictionary<long, (ClientSession Session, long Epoch)> adopted)
    {
        if (adopted.Count == 0)
        {
            return;
        }

        foreach (var slice in adopted.Values.Chunk(PageSize))
        {
            services.Store.Submit(new RowWork(services, transaction =>
            {
                foreach (var (session, _) in slice)
                {
                    session.Fence(transaction);
                }
            }));
        }

        await services.Store.FlushAsync();
        var sizes = (await services.Store.ReadQueuesAsync()).ToDictionary(size => size.SessionId);
        var inbound = (await services.Store.ReadInboundAsync()).ToLookup(row => row.SessionId, row => row.PacketId);
        // The lost silo may have stored what it had not settled any more: that will be sent again.
        await Parallel.ForEachAsync(adopted.Where(entry => sizes.ContainsKey(entry.Key)), new ParallelOptions { MaxDegreeOfParallelism = Closers }, async (entry, cancellationToken) =>
        {
            var rows = await services.Store.ReadQueueAsync(entry.Key, Math.Max(0, sizes[entry.Key].HighestSequence - MaximumUnsettled), MaximumUnsettled, cancellationToken);
            entry.Value.Session.Adoption!.AddStored(entry.Key, rows.Select(row => row.Message.Id));
        });
        var batch = FlushBatch.Current;
        foreach (var (id, (session, epoch)) in adopted)
        {
            var size = sizes.GetValueOrDefault(id) ?? new StoredQueueSize(id, 0, 0, 0);
            session.Arrive(new ReleasedSession(id, size.Count, size.Bytes, size.HighestSequence, [], [.. inbound[id]]), epoch, batch);
        }

        batch.Flush(services.Metrics);
    }

    private sealed record Request(int Partition, Dictionary<SiloAddress, LostOwner> Owners, long Epoch, TaskCompletionSource Done);
}
