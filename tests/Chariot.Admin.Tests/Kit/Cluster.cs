using System.Collections.Concurrent;
using Chariot.Abstractions.Stores;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using Orleans.TestingHost;

namespace Chariot.Admin.Tests.Kit;

/// <summary>One silo with the real accounts grain, shared by all tests; each test has accounts of its own.</summary>
public sealed class Cluster : IAsyncLifetime
{
    private InProcessTestCluster? _cluster;

    /// <summary>Hosts that wait for the next test.</summary>
    internal ConcurrentStack<Host> Idle { get; } = new();

    public IGrainFactory Grains => _cluster!.Client;

    public async Task InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddMemoryGrainStorage(StateNames.Provider);
        });
        builder.ConfigureHost(host => host.Logging.SetMinimumLevel(LogLevel.Error));
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async Task DisposeAsync()
    {
        foreach (var host in Idle)
        {
            await host.App.DisposeAsync();
        }

        await _cluster!.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class SharedCluster : ICollectionFixture<Cluster>
{
    public const string Name = "cluster";
}
