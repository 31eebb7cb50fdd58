using Chariot.Abstractions.Edges;
using Chariot.Cluster.Configuration;
using Chariot.Cluster.Secrets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Chariot.Cluster.EdgeLinks;

/// <summary>Registration for a silo.</summary>
public static class ClusterSiloBuilderExtensions
{
    /// <summary>
    /// Adds the configuration feed and the links between silos. The Edge project registers <see cref="IEdgeNode"/> and its
    /// consumers; the server then calls <see cref="IConfigurationStart.StartAsync"/> before it opens listeners.
    /// </summary>
    public static ISiloBuilder AddChariotCluster(this ISiloBuilder silo, string nodeName, MasterKey masterKey)
    {
        silo.Services.AddChariotConfiguration(nodeName, masterKey);
        silo.Services.TryAddSingleton<IEdgeLinks, SiloEdgeLinks>();
        silo.Services.TryAddSingleton<IPeerLinks, SiloPeerLinks>();
        return silo.AddGrainService<EdgeLinkService>().AddGrainService<PeerEdgeService>();
    }
}
