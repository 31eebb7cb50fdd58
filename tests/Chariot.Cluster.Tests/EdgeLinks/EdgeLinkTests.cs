using System.Collections.Concurrent;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Cluster.Configuration;
using Chariot.Cluster.EdgeLinks;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Tests.Configuration;
using Chariot.Cluster.Tests.Secrets;
using Chariot.Cluster.Tests.Tls;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.TestingHost;

namespace Chariot.Cluster.Tests.EdgeLinks;

/// <summary>Two silos with a fake edge each.</summary>
public sealed class EdgeLinkTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly ConcurrentDictionary<string, FakeEdgeNode> _edges = new();
    private readonly ConcurrentDictionary<string, FakePeerNode> _peers = new();
    private readonly FakeConfigurationSource _source = new();
    private MasterKey _masterKey = null!;
    private InProcessTestCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        _masterKey = MasterKey.Open(_directory.File("master.key"), createWhenMissing: true);
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureSilo((options, silo) =>
        {
            var edge = _edges[options.SiloName] = new FakeEdgeNode(options.SiloName);
            silo.Services.AddSingleton<IConfigurationSource>(_source);
            silo.Services.AddSingleton<IEdgeNode>(edge);
            silo.Services.AddSingleton<IPeerNode>(_peers[options.SiloName] = new FakePeerNode());
            silo.AddChariotCluster(options.SiloName, _masterKey);
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    public void Dispose()
    {
        _masterKey.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Links_ReachTheEdgeOfEverySilo_FromEverySilo()
    {
        await _cluster.WaitForLivenessToStabilizeAsync();
        foreach (var from in _cluster.Silos)
        {
            var links = from.ServiceProvider.GetRequiredService<IEdgeLinks>();
            Assert.Equal(from.SiloAddress, links.Local);
            Assert.Equal(_cluster.Silos.Select(silo => silo.SiloAddress).Order(), links.Active);
            foreach (var to in _cluster.Silos)
            {
                await AssertReachesAsync(links.Get(to.SiloAddress), to.Name);
            }
        }
    }

    [Fact]
    public async Task Apply_OverTheLink_ReachesTheFeedThere()
    {
        foreach (var silo in _cluster.Silos)
        {
            await silo.ServiceProvider.GetRequiredService<IConfigurationStart>().StartAsync(CancellationToken.None);
        }

        var from = _cluster.Silos[0].ServiceProvider;
        var to = _cluster.Silos[1];
        var link = from.GetRequiredService<IEdgeLinks>().Get(to.SiloAddress);
        var feed = to.ServiceProvider.GetRequiredService<IConfigurationFeed>();
        var ssl = TestPki.Shared.Configure(from.GetRequiredService<ISecretSealer>(), "one");

        var prepared = await link.PrepareSslAsync(ssl);
        Assert.Equal((true, null), (prepared.Applied, prepared.Error));

        // Default (not empty) must survive the wire: it means that any credential may have changed.
        var update = new ConfigurationUpdate(new BrokerConfiguration { Revision = 9, Ssl = ssl }, default);
        var applied = await link.ApplyAsync(update);
        Assert.Equal(new NodeResult(to.Name, 9, true, null) { ServedFingerprint = ssl.Details.Sha256Fingerprint }, applied);
        Assert.Equal(9, feed.Current.Revision);
        Assert.Equal("one", feed.Tls!.SetupId);
        Assert.Equal(0, from.GetRequiredService<IConfigurationFeed>().Current.Revision);
        await link.AbandonSslAsync("one");
        Assert.NotNull(feed.Tls);
    }

    [Fact]
    public async Task PeerLinks_CarryFramesAndSessions_ToTheOtherSilo()
    {
        await _cluster.WaitForLivenessToStabilizeAsync();
        var (from, to) = (_cluster.Silos[0], _cluster.Silos[1]);
        var links = from.ServiceProvider.GetRequiredService<IPeerLinks>();
        var link = links.Get(to.SiloAddress);
        var frame = new byte[64 * 1024];
        new Random(3).NextBytes(frame);

        Assert.Equal(new LinkReply(LinkStatus.Applied, 41), await link.SendAsync(frame));
        await link.HelloAsync();
        var released = await link.ReleaseAsync("known", 9, discard: false);
        await link.AdoptAsync(3, [new LostOwner(from.SiloAddress, [to.SiloAddress])], 10);

        var there = _peers[to.Name];
        var (source, bytes) = Assert.Single(there.Frames);
        Assert.Equal(from.SiloAddress, source);
        Assert.Equal(frame, bytes);
        Assert.Equal(from.SiloAddress, Assert.Single(there.Greetings));
        Assert.Equal((7L, 2L, 30L, 9L), (released!.SessionId, released.Count, released.Bytes, released.HighestSequence));
        Assert.Equal(new long[] { 11, 12 }, released.Held);
        Assert.Equal(5, Assert.Single(released.Inbound));
        Assert.Null(await link.ReleaseAsync("unknown", 9, discard: false));
        var (partition, owner, epoch) = Assert.Single(there.Adopted);
        Assert.Equal((3, 10L, from.SiloAddress, to.SiloAddress), (partition, epoch, owner.Owner, owner.Holders[0]));
        Assert.Equal(_cluster.Silos.Select(silo => silo.SiloAddress).Order(), links.Current.Active.Order());
    }

    private async Task AssertReachesAsync(IEdgeLink link, string name)
    {
        Assert.Equal(name, (await link.DescribeAsync()).Node);
        Assert.Equal(name, Assert.Single(await link.GetClientsAsync("a", 10)).Node);
        Assert.Equal("known", (await link.GetClientAsync("known"))!.ClientId);
        Assert.Null(await link.GetClientAsync("unknown"));
        Assert.True(await link.DisconnectAsync("known", removeSession: true));
        Assert.Equal([1, 2], Assert.Single(await link.GetRetainedAsync("a/#", null, 10)).Payload);
        Assert.False(await link.DeleteRetainedAsync("unknown"));

        _edges[name].GivenUp.Clear();
        await link.GiveUpAsync("pump", 7);
        Assert.Equal([("pump", 7L)], _edges[name].GivenUp);
    }
}
