using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;

namespace Chariot.Cluster.Configuration;

/// <summary>A node that cannot tell whether its configuration is the committed one serves nobody, and says so.</summary>
internal sealed class LeaseReadiness(ConfigurationLease lease) : IReadiness
{
    private static readonly string[] s_lost = ["configuration-unreachable"];

    public IReadOnlyList<string> Reasons => lease.IsHeld ? [] : s_lost;
}
