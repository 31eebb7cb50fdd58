using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Orleans.Concurrency;

namespace Chariot.Grains.Edges;

/// <summary>Reentrant, so that a silo that does not answer holds up nobody who asks another one.</summary>
[StatelessWorker, Reentrant]
internal sealed class EdgeGateway(IEdgeLinks links) : Grain, IEdgeGateway
{
    public Task<ImmutableArray<SiloAddress>> GetActiveAsync() => Task.FromResult(links.Active);

    public Task<NodeDescription> DescribeAsync(SiloAddress silo) => links.Get(silo).DescribeAsync();

    public Task<ImmutableArray<ClientDescription>> GetClientsAsync(SiloAddress silo, string? after, int limit) => links.Get(silo).GetClientsAsync(after, limit);

    public Task<ClientMatches> FindClientsAsync(SiloAddress silo, ClientSearch search) => links.Get(silo).FindClientsAsync(search);

    public Task<ClientDescription?> GetClientAsync(SiloAddress silo, string clientId) => links.Get(silo).GetClientAsync(clientId);

    public Task<bool> DisconnectAsync(SiloAddress silo, string clientId, bool removeSession) => links.Get(silo).DisconnectAsync(clientId, removeSession);

    public Task<ImmutableArray<RetainedDescription>> GetRetainedAsync(SiloAddress silo, string filter, string? after, int limit) => links.Get(silo).GetRetainedAsync(filter, after, limit);

    public Task<ImmutableArray<RetainedLevel>> GetRetainedLevelsAsync(SiloAddress silo, string? under, string? after, int limit) => links.Get(silo).GetRetainedLevelsAsync(under, after, limit);

    public Task<bool> DeleteRetainedAsync(SiloAddress silo, string topic) => links.Get(silo).DeleteRetainedAsync(topic);
}
