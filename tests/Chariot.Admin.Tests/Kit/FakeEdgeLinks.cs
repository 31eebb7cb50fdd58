using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Ssl;
using Orleans.Runtime;

namespace Chariot.Admin.Tests.Kit;

internal sealed class FakeEdgeLinks : IEdgeLinks
{
    // The history of the nodes reads it on a thread of its own.
    public ConcurrentDictionary<SiloAddress, FakeEdgeLink> Links { get; } = [];

    public ImmutableArray<SiloAddress> Active => [.. Links.Keys];

    public SiloAddress Local => Links.Keys.First();

    public IEdgeLink Get(SiloAddress silo) => Links[silo];

    public FakeEdgeLink Add(string node)
    {
        var link = new FakeEdgeLink(node);
        Links[SiloAddress.New(System.Net.IPAddress.Loopback, 11000 + Links.Count, 1)] = link;
        return link;
    }
}

internal sealed class FakeEdgeLink(string node) : IEdgeLink
{
    public List<ClientDescription> Clients { get; } = [];

    public List<RetainedDescription> Retained { get; } = [];

    public bool Silent { get; set; }

    public long MessagesReceived { get; set; }

    public ImmutableArray<string> Reasons { get; set; } = [];

    public void AddClient(string clientId, long epoch = 1) => Clients.Add(new ClientDescription { ClientId = clientId, Node = node, Epoch = epoch, Connected = true });

    public Task<NodeDescription> DescribeAsync() => Silent
        ? throw new TimeoutException("silent")
        : Task.FromResult(new NodeDescription { Node = node, Revision = 1, Listeners = ["mqtt://127.0.0.1:1883"], Connections = Clients.Count, MessagesReceived = MessagesReceived, Reasons = Reasons });

    public Task<ImmutableArray<ClientDescription>> GetClientsAsync(string? after, int limit) => Silent
        ? throw new TimeoutException("silent")
        : Task.FromResult<ImmutableArray<ClientDescription>>(
            [.. Clients.Where(c => after is null || string.CompareOrdinal(c.ClientId, after) > 0).OrderBy(c => c.ClientId, StringComparer.Ordinal).Take(limit)]);

    public Task<ClientMatches> FindClientsAsync(ClientSearch search)
    {
        if (Silent)
        {
            throw new TimeoutException("silent");
        }

        var met = Clients.Where(c => search.Meets(c.ClientId, c.Username, c.Address, c.Connected)).ToList();
        return Task.FromResult(new ClientMatches(
            [.. met.Where(c => search.After is null || string.CompareOrdinal(c.ClientId, search.After) > 0).OrderBy(c => c.ClientId, StringComparer.Ordinal).Take(search.Limit)], met.Count));
    }

    public Task<ClientDescription?> GetClientAsync(string clientId) =>
        Silent ? throw new TimeoutException("silent") : Task.FromResult(Clients.Find(c => c.ClientId == clientId));

    public Task<bool> DisconnectAsync(string clientId, bool removeSession) => Task.FromResult(Clients.RemoveAll(c => c.ClientId == clientId) > 0);

    public Task<ImmutableArray<RetainedDescription>> GetRetainedAsync(string filter, string? after, int limit) => Task.FromResult<ImmutableArray<RetainedDescription>>([.. Retained.Take(limit)]);

    public List<RetainedLevel> Levels { get; } = [];

    public Task<ImmutableArray<RetainedLevel>> GetRetainedLevelsAsync(string? under, string? after, int limit) => Task.FromResult<ImmutableArray<RetainedLevel>>(
        [.. Levels.Where(l => after is null || string.CompareOrdinal(l.Name, after) > 0).Take(limit)]);

    public Task<bool> DeleteRetainedAsync(string topic) => Task.FromResult(Retained.RemoveAll(r => r.Topic == topic) > 0);

    public Task<NodeResult> ApplyAsync(ConfigurationUpdate update) => throw new NotSupportedException();

    public Task<NodeResult> PrepareSslAsync(SslConfiguration candidate) => throw new NotSupportedException();

    public Task AbandonSslAsync(string setupId) => throw new NotSupportedException();

    public Task GiveUpAsync(string clientId, long newEpoch) => throw new NotSupportedException();
}
