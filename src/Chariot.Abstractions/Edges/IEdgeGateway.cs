using System.Collections.Immutable;
using Orleans.Runtime;

namespace Chariot.Abstractions.Edges;

/// <summary>
/// <see cref="IEdgeLinks"/> for a process that is no silo: an Orleans client cannot call a grain service, so a silo passes the
/// call on. Any silo, any activation; key 0.
/// </summary>
[Alias("chariot.edge-gateway.v1")]
public interface IEdgeGateway : IGrainWithIntegerKey
{
    /// <summary>Silos that are Active in membership, as the silo asked sees it.</summary>
    [Alias("Active")] Task<ImmutableArray<SiloAddress>> GetActiveAsync();

    [Alias("Describe")] Task<NodeDescription> DescribeAsync(SiloAddress silo);

    [Alias("Clients")] Task<ImmutableArray<ClientDescription>> GetClientsAsync(SiloAddress silo, string? after, int limit);

    [Alias("FindClients")] Task<ClientMatches> FindClientsAsync(SiloAddress silo, ClientSearch search);

    [Alias("Client")] Task<ClientDescription?> GetClientAsync(SiloAddress silo, string clientId);

    [Alias("Disconnect")] Task<bool> DisconnectAsync(SiloAddress silo, string clientId, bool removeSession);

    [Alias("Retained")] Task<ImmutableArray<RetainedDescription>> GetRetainedAsync(SiloAddress silo, string filter, string? after, int limit);

    [Alias("RetainedLevels")] Task<ImmutableArray<RetainedLevel>> GetRetainedLevelsAsync(SiloAddress silo, string? under, string? after, int limit);

    [Alias("DeleteRetained")] Task<bool> DeleteRetainedAsync(SiloAddress silo, string topic);
}
