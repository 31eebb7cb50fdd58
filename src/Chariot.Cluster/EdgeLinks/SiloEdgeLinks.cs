using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Orleans.Runtime;
using Orleans.Runtime.Services;

namespace Chariot.Cluster.EdgeLinks;

/// <summary>Addresses the <see cref="EdgeLinkService"/> of each silo that membership calls Active.</summary>
internal sealed class SiloEdgeLinks(IServiceProvider services, IClusterMembershipService membership, ILocalSiloDetails local)
    : GrainServiceClient<IEdgeLink>(services), IEdgeLinks
{
    public ImmutableArray<SiloAddress> Active =>
        [.. membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).Select(member => member.SiloAddress).Order()];

    public SiloAddress Local => local.SiloAddress;

    public IEdgeLink Get(SiloAddress silo) => GetGrainService(silo);

    public string NameOf(SiloAddress silo) => membership.CurrentSnapshot.Members.TryGetValue(silo, out var member) ? member.Name : silo.ToString();
}
