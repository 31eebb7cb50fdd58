using Chariot.Abstractions.Edges;
using Chariot.Cluster.Configuration;
using Chariot.Cluster.Secrets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Chariot.Cluster.EdgeLinks;

/// <summary>Registration for a silo, and for an Orleans client of the cluster.</summary>
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

    /// <summary>
    /// The same for a process that is no silo (admin only): it is not pushed to, so it reads the configuration each second,
    /// and <see cref="IConfigurationStart.RefreshAsync"/> before it answers for a change.
    /// </summary>
    public static IServiceCollection AddChariotClient(this IServiceCollection services, string nodeName, MasterKey masterKey)
    {
        services.AddSingleton(new ConfigurationFeedOptions { NodeName = nodeName, PullPeriod = TimeSpan.FromSeconds(1) });
        services.AddChariotConfiguration(nodeName, masterKey);
        services.AddSingleton<ClientEdgeLinks>();
        services.AddSingleton<IEdgeLinks>(static provider => provider.GetRequiredService<ClientEdgeLinks>());
        services.AddHostedService(static provider => provider.GetRequiredService<ClientEdgeLinks>());
        return services;
    }
}
