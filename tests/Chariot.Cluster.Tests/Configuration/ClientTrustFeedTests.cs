using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Tests.Configuration;

public sealed class ClientTrustFeedTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly FeedKit _kit = new();

    public async Task InitializeAsync() => await _kit.StartAsync();

    // xunit 2 calls this one only.
    public async Task DisposeAsync() => await _kit.DisposeAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => _kit.DisposeAsync();

    [Fact]
    public async Task Trust_IsFetchedWhenTheConfigurationNamesAnother_AndNotOtherwise()
    {
        _kit.Source.ClientTrust = new ClientTrust { Revision = 1 };

        Assert.True((await _kit.Feed.ApplyAsync(Push(1, trust: 1))).Applied);
        Assert.True((await _kit.Feed.ApplyAsync(Push(2, trust: 1))).Applied);

        Assert.Equal(1, _kit.Source.ClientTrustReads);
        Assert.Same(_kit.Source.ClientTrust, _kit.Feed.ClientTrust);
        Assert.All(_kit.First.Changes.TakeLast(2), change => Assert.Same(_kit.Source.ClientTrust, change.ClientTrust));
    }

    [Fact]
    public async Task Trust_ThatCannotBeRead_TrustsNobody_SaysSo_AndIsTriedAgain()
    {
        _kit.Source.ClientTrust = new ClientTrust { Revision = 1 };
        await _kit.Feed.ApplyAsync(Push(1, trust: 1));
        _kit.Source.Failing = true;

        var result = await _kit.Feed.ApplyAsync(Push(2, trust: 2));

        Assert.False(result.Applied);
        Assert.Contains("client certificates", result.Error, StringComparison.Ordinal);
        Assert.Same(ClientTrust.None, _kit.Feed.ClientTrust);

        _kit.Source.Failing = false;
        _kit.Source.ClientTrust = new ClientTrust { Revision = 2 };
        _kit.Source.Configuration = Push(2, trust: 2).Configuration;
        await _kit.AdvanceUntilAsync(TimeSpan.FromSeconds(5), () => _kit.Feed.ClientTrust.Revision == 2);
    }

    [Fact]
    public async Task Trust_OlderThanNamed_IsNotTaken_LaterIs()
    {
        _kit.Source.ClientTrust = new ClientTrust { Revision = 1 };
        Assert.False((await _kit.Feed.ApplyAsync(Push(2, trust: 2))).Applied);

        _kit.Source.ClientTrust = new ClientTrust { Revision = 4 };
        Assert.True((await _kit.Feed.ApplyAsync(Push(3, trust: 3))).Applied);
        Assert.Equal(4, _kit.Feed.ClientTrust.Revision);
    }

    private static ConfigurationUpdate Push(long revision, long trust) => new(new BrokerConfiguration { Revision = revision, ClientTrustRevision = trust }, []);
}
