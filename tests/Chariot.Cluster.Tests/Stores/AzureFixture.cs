using Chariot.TestKit.Stores;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>One Azurite for all tests of the collection; each test has a cluster id of its own.</summary>
public sealed class AzureFixture : IAsyncLifetime
{
    private int _clusters;

    public AzuriteServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await AzuriteServer.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();

    public string NextClusterId() => "Test " + Interlocked.Increment(ref _clusters);
}

[CollectionDefinition(Name)]
public sealed class AzureTests : ICollectionFixture<AzureFixture>
{
    public const string Name = "azure";
}
