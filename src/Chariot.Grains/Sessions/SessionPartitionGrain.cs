using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Microsoft.Extensions.Logging;

namespace Chariot.Grains.Sessions;

/// <summary>
/// Who holds the sessions of silos that are gone. Written before an adopter is asked, so that a later activation asks the same one
/// again; one call at a time, so that a client's CONNECT waits until its session has been adopted.
/// </summary>
internal sealed partial class SessionPartitionGrain(
    [PersistentState(StateNames.SessionPartition, StateNames.Provider)] IPersistentState<SessionPartitionState> storage,
    IGrainStateIndex states,
    IPeerLinks links,
    TimeProvider time,
    ILogger<SessionPartitionGrain> logger) : Grain, ISessionPartitionGrain
{
    private const int PageSize = 1000;

    private PeerView? _scanned;

    private int Partition => (int)this.GetPrimaryKeyLong();

    public async Task AdoptAsync()
    {
        var view = links.Current;
        if (_scanned is { } last && view.Dead.IsSubsetOf(last.Dead) && last.Active.IsSubsetOf(view.Active))
        {
            return;
        }

        var owners = await ReadOwnersAsync();
        var lost = owners.Where(owner => !IsHeld(owner, view)).ToList();
        var before = storage.State.Adoptions.Count;
        storage.State.Adoptions.RemoveAll(adoption => !owners.Contains(adoption.Owner));
        if (lost.Count > 0)
        {
            await AdoptAsync(lost, view);
        }
        else if (storage.State.Adoptions.Count != before)
        {
            await storage.WriteStateAsync();
        }

        _scanned = view;
    }

    public async Task<SessionHolder?> FindHolderAsync(SiloAddress owner)
    {
        await AdoptAsync();
        return Find(owner) is { Done: true } adoption ? new SessionHolder(adoption.Holder, adoption.Epoch) : null;
    }

    private async Task AdoptAsync(List<SiloAddress> lost, PeerView view)
    {
        var candidates = view.Active.Order().ToImmutableArray();
        var adopter = candidates[Partition % candidates.Length];
        // Above every epoch so far: the clock of the lost silo may have been ahead.
        var epoch = Math.Max(storage.State.LastEpoch + 1, (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
        storage.State.LastEpoch = epoch;
        var requests = new List<LostOwner>();
        foreach (var owner in lost)
        {
            var known = Find(owner);
            // What was under way to a holder that never finished may still wait for its own holder before.
            ImmutableArray<SiloAddress> from = known is null ? [owner] : known.Done ? [known.Holder] : [.. known.From.Append(known.Holder).Where(view.Dead.Contains).Distinct()];
            storage.State.Adoptions.RemoveAll(adoption => adoption.Owner.Equals(owner));
            storage.State.Adoptions.Add(new SessionAdoptionRecord(owner, adopter, epoch, from, Done: false));
            requests.Add(new LostOwner(owner, from));
        }

        await storage.WriteStateAsync();
        LogAdopting(Partition, lost.Count, adopter);
        await links.Get(adopter).AdoptAsync(Partition, [.. requests], epoch);
        storage.State.Adoptions = [.. storage.State.Adoptions.Select(adoption => lost.Contains(adoption.Owner) ? adoption with { Done = true } : adoption)];
        await storage.WriteStateAsync();
    }

    private bool IsHeld(SiloAddress owner, PeerView view) =>
        view.Active.Contains(owner) || (Find(owner) is { Done: true } adoption && view.Active.Contains(adoption.Holder));

    private SessionAdoptionRecord? Find(SiloAddress owner) => storage.State.Adoptions.Find(adoption => adoption.Owner.Equals(owner));

    /// <summary>The silos that the durable sessions of this partition name as their owner.</summary>
    private async Task<HashSet<SiloAddress>> ReadOwnersAsync()
    {
        var owners = new HashSet<SiloAddress>();
        string? after = null;
        while (true)
        {
            var page = await states.ReadAsync<SessionRecord>(StateNames.Session, after, PageSize);
            foreach (var (key, record) in page)
            {
                after = key;
                if (record.Owner is not null && SessionPartitions.Of(record.ClientId) == Partition)
                {
                    owners.Add(record.Owner);
                }
            }

            if (page.Count < PageSize)
            {
                return owners;
            }
        }
    }

    [LoggerMessage(2400, LogLevel.Information, "Partition {Partition}: the sessions of {Count} silos that are gone go to {Silo}")]
    private partial void LogAdopting(int partition, int count, SiloAddress silo);
}

/// <summary>State of one partition.</summary>
[GenerateSerializer, Alias("chariot.session-partition-state.v1")]
internal sealed class SessionPartitionState
{
    [Id(0)] public List<SessionAdoptionRecord> Adoptions { get; set; } = [];

    [Id(1)] public long LastEpoch { get; set; }
}

/// <param name="From">Silos whose undelivered messages go to the holder.</param>
/// <param name="Done">The holder has answered.</param>
[GenerateSerializer, Immutable, Alias("chariot.session-adoption.v1")]
internal sealed record SessionAdoptionRecord(
    [property: Id(0)] SiloAddress Owner,
    [property: Id(1)] SiloAddress Holder,
    [property: Id(2)] long Epoch,
    [property: Id(3)] ImmutableArray<SiloAddress> From,
    [property: Id(4)] bool Done);
