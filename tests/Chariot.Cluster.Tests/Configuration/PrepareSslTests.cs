namespace Chariot.Cluster.Tests.Configuration;

public sealed class PrepareSslTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromSeconds(30);
    private readonly FeedKit _kit = new();

    public Task InitializeAsync() => Task.CompletedTask;

    // xunit 2 calls this one only.
    public async Task DisposeAsync() => await _kit.DisposeAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => _kit.DisposeAsync();

    [Fact]
    public async Task Apply_OfAPreparedSetup_ServesTheVeryMaterialThatWasPrepared()
    {
        await _kit.StartAsync();
        var ssl = _kit.Ssl("one");
        var prepared = await _kit.Feed.PrepareSslAsync(ssl);
        Assert.True(prepared.Applied);
        Assert.Null(_kit.Feed.Tls);

        Assert.True((await _kit.Feed.ApplyAsync(FeedKit.Push(1, ssl))).Applied);
        Assert.NotNull(_kit.Feed.Tls);
        Assert.Same(_kit.First.Prepared, _kit.Feed.Tls);

        // Active is active: neither time nor a late call takes it back.
        _kit.Time.Advance(s_lifetime * 2);
        await _kit.Feed.AbandonSslAsync("one");
        Assert.Equal(["first apply 0", "second apply 0", "first prepare one", "second prepare one", "first apply 1", "second apply 1"], _kit.Journal);
    }

    [Fact]
    public async Task Prepare_WhenAConsumerCannot_GivesItsReason_AndReleasesThoseThatCould()
    {
        await _kit.StartAsync();
        _kit.Journal.Clear();
        _kit.Second.CannotPrepare = "Port 8883 is taken.";
        var result = await _kit.Feed.PrepareSslAsync(_kit.Ssl("one"));
        Assert.Equal((false, "Port 8883 is taken."), (result.Applied, result.Error));
        Assert.Equal(["first prepare one", "second prepare one", "first abandon"], _kit.Journal);

        // Nothing is left to give up.
        _kit.Time.Advance(s_lifetime * 2);
        await _kit.Feed.AbandonSslAsync("one");
        Assert.Equal(3, _kit.Journal.Count);
    }

    [Fact]
    public async Task Prepare_OfASetupThatCannotBeOpened_AsksNoConsumer()
    {
        await _kit.StartAsync();
        _kit.Journal.Clear();
        var result = await _kit.Feed.PrepareSslAsync(_kit.ForeignSsl("one"));
        Assert.False(result.Applied);
        Assert.Contains(_kit.MasterKey.File, result.Error, StringComparison.Ordinal);
        Assert.Empty(_kit.Journal);
    }

    [Fact]
    public async Task Prepare_WithoutActivation_IsGivenUpAfter30Seconds()
    {
        await _kit.StartAsync();
        await _kit.Feed.PrepareSslAsync(_kit.Ssl("one"));
        _kit.Time.Advance(s_lifetime - TimeSpan.FromSeconds(1));
        Assert.False(_kit.First.Abandoned.IsCompleted);

        _kit.Time.Advance(TimeSpan.FromSeconds(1));
        await Task.WhenAll(_kit.First.Abandoned, _kit.Second.Abandoned).WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Prepare_OfAnother_GivesUpTheFirst()
    {
        await _kit.StartAsync();
        await _kit.Feed.PrepareSslAsync(_kit.Ssl("one"));
        _kit.Journal.Clear();
        await _kit.Feed.PrepareSslAsync(_kit.Ssl("two"));
        Assert.Equal(["first abandon", "second abandon", "first prepare two", "second prepare two"], _kit.Journal);
    }

    [Fact]
    public async Task Abandon_OfThePreparedSetup_ReleasesIt_AndOfAnotherDoesNot()
    {
        await _kit.StartAsync();
        await _kit.Feed.PrepareSslAsync(_kit.Ssl("one"));
        _kit.Journal.Clear();
        await _kit.Feed.AbandonSslAsync("two");
        Assert.Empty(_kit.Journal);
        await _kit.Feed.AbandonSslAsync("one");
        Assert.Equal(["first abandon", "second abandon"], _kit.Journal);
    }

    [Fact]
    public async Task Apply_OfAnotherSetupThanThePrepared_ReleasesThePrepared()
    {
        await _kit.StartAsync();
        await _kit.Feed.PrepareSslAsync(_kit.Ssl("one"));
        await _kit.Feed.ApplyAsync(FeedKit.Push(1));
        Assert.False(_kit.First.Abandoned.IsCompleted);

        await _kit.Feed.ApplyAsync(FeedKit.Push(2, _kit.Ssl("two")));
        Assert.True(_kit.First.Abandoned.IsCompleted);
        Assert.Equal("two", _kit.Feed.Tls!.SetupId);
    }
}
