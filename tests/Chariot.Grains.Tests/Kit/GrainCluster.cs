using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Runtime.Hosting;
using Orleans.TestingHost;

namespace Chariot.Grains.Tests.Kit;

/// <summary>
/// Real silos in this process, with the grains on them and everything around the grains replaced: store, clock, edges and
/// configuration feeds. Silos that are only spoken to need not exist: <see cref="AddSilo"/>.
/// </summary>
public abstract class GrainCluster(short silos) : IAsyncLifetime
{
    private readonly ConcurrentDictionary<SiloAddress, TestEdgeLink> _links = [];
    private readonly ConcurrentDictionary<SiloAddress, TestFeed> _feeds = [];
    private readonly ConcurrentDictionary<SiloAddress, byte> _dead = [];
    private volatile SiloAddress[] _active = [];

    internal InProcessTestCluster Cluster { get; private set; } = null!;
    internal TestStorage Storage { get; } = new();
    internal TestTime Time { get; } = new();
    internal TestMaintenance Maintenance { get; } = new();

    /// <summary>Session records as a bulk read finds them.</summary>
    internal ConcurrentDictionary<string, SessionRecord> Stored { get; } = [];

    /// <summary>What silos were asked to adopt.</summary>
    internal ConcurrentQueue<(SiloAddress Silo, int Partition, ImmutableArray<LostOwner> Owners, long Epoch)> Adopted { get; } = [];

    internal Func<SiloAddress, Task>? OnAdopt { get; set; }

    internal ImmutableArray<SiloAddress> Silos => [.. Cluster.Silos.Select(silo => silo.SiloAddress)];

    public async Task InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddChariotGrains();
            silo.Services.AddSingleton<TimeProvider>(Time);
            silo.Services.AddSingleton<IStoreMaintenance>(Maintenance);
            silo.Services.AddSingleton<IEdgeLinks>(services => new Links(this, services.GetRequiredService<ILocalSiloDetails>().SiloAddress));
            silo.Services.AddSingleton<IPeerLinks>(services => new Peers(this, services.GetRequiredService<ILocalSiloDetails>().SiloAddress));
            silo.Services.AddSingleton<IGrainStateIndex>(new Records(this));
            silo.Services.AddSingleton<IConfigurationFeed>(services => Feed(services.GetRequiredService<ILocalSiloDetails>().SiloAddress));
            silo.Services.AddGrainStorage(StateNames.Provider, (services, _) => Storage.On(services));
        });
        Cluster = builder.Build();
        await Cluster.DeployAsync();
        Reset();
    }

    public async Task DisposeAsync() => await Cluster.DisposeAsync();

    internal TestEdgeLink Link(SiloAddress silo) => _links.GetOrAdd(silo, address => new TestEdgeLink($"node-{address.Endpoint.Port}"));

    internal TestFeed Feed(SiloAddress silo) => _feeds.GetOrAdd(silo, _ => new TestFeed());

    /// <summary>Another Active silo, which exists only as a link.</summary>
    internal (SiloAddress Silo, TestEdgeLink Link) AddSilo()
    {
        var silo = SiloAddress.New(IPAddress.Loopback, 40_000 + _active.Length, 1);
        _active = [.. _active, silo];
        return (silo, Link(silo));
    }

    internal void RemoveSilo(SiloAddress silo)
    {
        _active = [.. _active.Where(active => !active.Equals(silo))];
        _dead[silo] = 0;
    }

    /// <summary>Forgets what the last test left outside the grains.</summary>
    internal void Reset()
    {
        _active = [.. Silos];
        _links.Clear();
        _dead.Clear();
        Stored.Clear();
        Adopted.Clear();
        OnAdopt = null;
        foreach (var feed in _feeds.Values)
        {
            feed.Reset();
        }

        Time.OthersAreSilent = false;
        Storage.Clear();
        Maintenance.Reset();
    }

    private sealed class Records(GrainCluster cluster) : IGrainStateIndex
    {
        public Task<IReadOnlyList<KeyValuePair<string, T>>> ReadAsync<T>(string stateName, string? afterKey, int limit, string? prefix = null, CancellationToken cancellationToken = default) =>
            Task.FromResult<IReadOnlyList<KeyValuePair<string, T>>>(
            [
                .. cluster.Stored.Where(pair => afterKey is null || string.CompareOrdinal(pair.Key, afterKey) > 0).OrderBy(pair => pair.Key, StringComparer.Ordinal)
                    .Take(limit).Select(pair => KeyValuePair.Create(pair.Key, (T)(object)pair.Value)),
            ]);
    }

    private sealed class Peers(GrainCluster cluster, SiloAddress local) : IPeerLinks
    {
        public SiloAddress Local => local;

        public PeerView Current => new(1, [.. cluster._active], [.. cluster._dead.Keys]);

        public IAsyncEnumerable<PeerView> WatchAsync(CancellationToken cancellationToken) => throw new NotSupportedException("No grain asks this.");

        public IPeerLink Get(SiloAddress silo) => new Peer(cluster, silo);
    }

    private sealed class Peer(GrainCluster cluster, SiloAddress silo) : IPeerLink
    {
        public Task<LinkReply> SendAsync(ReadOnlyMemory<byte> frame) => throw new NotSupportedException("No grain asks this.");

        public Task HelloAsync() => throw new NotSupportedException("No grain asks this.");

        public Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard) => throw new NotSupportedException("No grain asks this.");

        public async Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch)
        {
            cluster.Adopted.Enqueue((silo, partition, owners, epoch));
            if (cluster.OnAdopt is { } hook)
            {
                await hook(silo);
            }
        }
    }

    private sealed class Links(GrainCluster cluster, SiloAddress local) : IEdgeLinks
    {
        public ImmutableArray<SiloAddress> Active => [.. cluster._active];

        public SiloAddress Local => local;

        public IEdgeLink Get(SiloAddress silo) => cluster.Link(silo);
    }
}

internal sealed class TestMaintenance : IStoreMaintenance
{
    private int _erasures;

    public int Erasures => Volatile.Read(ref _erasures);

    public Func<Task>? OnErase { get; set; }

    public int PendingWorks => 0;

    public Task<long?> VerifyAuditAsync(CancellationToken cancellationToken = default) => Task.FromResult<long?>(null);

    public async Task EraseAsync(EraseScope scope = EraseScope.GrainState, CancellationToken cancellationToken = default)
    {
        if (OnErase is { } hook)
        {
            await hook();
        }

        Interlocked.Increment(ref _erasures);
    }

    public void Reset()
    {
        OnErase = null;
        Interlocked.Exchange(ref _erasures, 0);
    }
}

internal static class Eventually
{
    /// <summary>Waits until <paramref name="condition"/> holds; fails after ten seconds.</summary>
    public static async Task HoldsAsync(Func<Task<bool>> condition)
    {
        var deadline = Environment.TickCount64 + 10_000;
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 < deadline, "The condition did not come true within ten seconds.");
            await Task.Delay(10);
        }
    }

    public static Task HoldsAsync(Func<bool> condition) => HoldsAsync(() => Task.FromResult(condition()));
}
