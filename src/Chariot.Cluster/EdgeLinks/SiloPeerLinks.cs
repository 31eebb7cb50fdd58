using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Chariot.Abstractions.Edges;
using Orleans.Runtime;
using Orleans.Runtime.Services;

namespace Chariot.Cluster.EdgeLinks;

/// <summary>The other edges of the cluster, over Orleans' own connections and membership.</summary>
internal sealed class SiloPeerLinks(IServiceProvider services, IClusterMembershipService membership, ILocalSiloDetails local)
    : GrainServiceClient<IPeerEdge>(services), IPeerLinks
{
    public SiloAddress Local => local.SiloAddress;

    public PeerView Current => ViewOf(membership.CurrentSnapshot);

    public async IAsyncEnumerable<PeerView> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(cancellationToken))
        {
            yield return ViewOf(snapshot);
        }
    }

    public IPeerLink Get(SiloAddress silo) => new Link(GetGrainService(silo), Local);

    private static PeerView ViewOf(ClusterMembershipSnapshot snapshot) => new(
        snapshot.Version.Value,
        [.. snapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).Select(member => member.SiloAddress)],
        [.. snapshot.Members.Values.Where(member => member.Status == SiloStatus.Dead).Select(member => member.SiloAddress)]);

    private sealed class Link(IPeerEdge edge, SiloAddress local) : IPeerLink
    {
        public Task<LinkReply> SendAsync(ReadOnlyMemory<byte> frame) => edge.FrameAsync(local, new LinkFrameBytes(frame));

        public Task HelloAsync() => edge.HelloAsync(local);

        public Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard) => edge.ReleaseAsync(local, clientId, epoch, discard);

        public Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch) => edge.AdoptAsync(partition, owners, epoch);
    }
}
