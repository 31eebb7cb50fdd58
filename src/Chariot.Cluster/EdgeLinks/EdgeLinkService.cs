using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Cluster.Configuration;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Chariot.Cluster.EdgeLinks;

/// <summary>
/// The edge's door in this silo. The calls run on the thread pool: Orleans runs one at a time on the service's own scheduler, so
/// that a slow one (a certificate being tried, a long list) would hold up the others, GiveUp first of all.
/// </summary>
internal sealed class EdgeLinkService(GrainId id, Silo silo, ILoggerFactory loggerFactory, ConfigurationFeed feed, IEdgeNode edge, IEnumerable<IReadiness> parts)
    : GrainService(id, silo, loggerFactory), IEdgeLink
{
    public Task<NodeResult> ApplyAsync(ConfigurationUpdate update) => Task.Run(() => feed.ApplyAsync(update));

    public Task<NodeResult> PrepareSslAsync(SslConfiguration candidate) => Task.Run(() => feed.PrepareSslAsync(candidate));

    public Task AbandonSslAsync(string setupId) => Task.Run(() => feed.AbandonSslAsync(setupId));

    public Task GiveUpAsync(string clientId, long newEpoch) => Task.Run(() => edge.GiveUpAsync(clientId, newEpoch));

    public Task<NodeDescription> DescribeAsync() => Task.Run(() => edge.Describe() with { Reasons = [.. parts.SelectMany(part => part.Reasons).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)] });

    public Task<ImmutableArray<ClientDescription>> GetClientsAsync(string? after, int limit) => Task.Run(() => edge.GetClients(after, limit));

    public Task<ClientMatches> FindClientsAsync(ClientSearch search) => Task.Run(() => edge.FindClients(search));

    public Task<ClientDescription?> GetClientAsync(string clientId) => Task.Run(() => edge.GetClient(clientId));

    public Task<bool> DisconnectAsync(string clientId, bool removeSession) => Task.Run(() => edge.DisconnectAsync(clientId, removeSession));

    public Task<ImmutableArray<RetainedDescription>> GetRetainedAsync(string filter, string? after, int limit) =>
        Task.Run(() => edge.GetRetained(filter, after, limit));

    public Task<ImmutableArray<RetainedLevel>> GetRetainedLevelsAsync(string? under, string? after, int limit) =>
        Task.Run(() => edge.GetRetainedLevels(under, after, limit));

    public Task<bool> DeleteRetainedAsync(string topic) => Task.Run(() => edge.DeleteRetainedAsync(topic));
}
