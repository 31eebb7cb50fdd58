using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Cluster.Stores;

/// <summary>A store that the nodes of a cluster share, opened. The container that its services are in disposes it.</summary>
public interface IClusterStore
{
    /// <inheritdoc cref="Abstractions.Stores.IStoreMaintenance.ProcessStart"/>
    long ProcessStart { get; }

    /// <summary>Messages, audit log, maintenance and bulk reads of grain state: for silos and Orleans clients.</summary>
    void AddServices(IServiceCollection services);

    /// <summary>Membership, grain state and reminders of a silo.</summary>
    void Use(ISiloBuilder silo);

    /// <summary>Gateways for an Orleans client.</summary>
    void Use(IClientBuilder client);
}
