using System.Collections.Concurrent;
using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Topics;

namespace Chariot.Cluster.Tests.EdgeLinks;

internal sealed class FakeEdgeNode(string node) : IEdgeNode
{
    public ConcurrentQueue<(string ClientId, long Epoch)> GivenUp { get; } = new();

    public Task GiveUpAsync(string clientId, long newEpoch)
    {
        GivenUp.Enqueue((clientId, newEpoch));
        return Task.CompletedTask;
    }

    public NodeDescription Describe() => new() { Node = node, Listeners = ["mqtt://127.0.0.1:1883"] };

    public ImmutableArray<ClientDescription> GetClients(string? after, int limit) => [Client(after + "x")];

    public ClientMatches FindClients(ClientSearch search) => new([Client(search.Text)], 7);

    public ClientDescription? GetClient(string clientId) => clientId == "known" ? Client(clientId) : null;

    public Task<bool> DisconnectAsync(string clientId, bool removeSession) => Task.FromResult(clientId == "known" && removeSession);

    public ImmutableArray<RetainedDescription> GetRetained(string filter, string? after, int limit) =>
        [new RetainedDescription(filter, QualityOfService.AtLeastOnce, [1, 2], DateTimeOffset.UnixEpoch)];

    public ImmutableArray<RetainedLevel> GetRetainedLevels(string? under, string? after, int limit) => [new RetainedLevel(under + "/x", true, limit)];

    public Task<bool> DeleteRetainedAsync(string topic) => Task.FromResult(topic == "known");

    private ClientDescription Client(string clientId) => new() { ClientId = clientId, Node = node };
}
