using System.Globalization;
using Chariot.Cluster.Configuration;

namespace Chariot.Cluster.Tests.Configuration;

public sealed class CredentialCacheTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly FeedKit _kit = new();

    public Task InitializeAsync() => Task.CompletedTask;

    // xunit 2 calls this one only.
    public async Task DisposeAsync() => await _kit.DisposeAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => _kit.DisposeAsync();

    [Fact]
    public async Task Find_ReadsANameOnce_UnknownNamesIncluded()
    {
        _kit.Source.Put("pump", 1);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(1, (await _kit.Feed.FindCredentialAsync("pump"))!.Revision);
            Assert.Null(await _kit.Feed.FindCredentialAsync("nobody"));
        }

        Assert.Equal(2, _kit.Source.CredentialReads);
        Assert.True(_kit.Feed.FindCredentialAsync("pump").AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Find_ByManyAtOnce_ReadsOnce()
    {
        _kit.Source.Put("pump", 1);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _kit.Source.CredentialRead = _ => gate.Task;
        var finds = Enumerable.Range(0, 20).Select(_ => _kit.Feed.FindCredentialAsync("pump").AsTask()).ToArray();
        gate.SetResult();
        Assert.All(await Task.WhenAll(finds), record => Assert.Equal(1, record!.Revision));
        Assert.Equal(1, _kit.Source.CredentialReads);
    }

    [Fact]
    public async Task Find_ThatFails_IsNotRemembered()
    {
        _kit.Source.Put("pump", 1);
        _kit.Source.Failing = true;
        await Assert.ThrowsAsync<TimeoutException>(async () => await _kit.Feed.FindCredentialAsync("pump"));
        _kit.Source.Failing = false;
        Assert.NotNull(await _kit.Feed.FindCredentialAsync("pump"));
    }

    [Fact]
    public async Task Find_ThatIsCancelled_LeavesTheReadToTheOthers()
    {
        _kit.Source.Put("pump", 1);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _kit.Source.CredentialRead = _ => gate.Task;
        using var cancelled = new CancellationTokenSource();
        var impatient = _kit.Feed.FindCredentialAsync("pump", cancelled.Token).AsTask();
        var patient = _kit.Feed.FindCredentialAsync("pump").AsTask();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        gate.SetResult();
        Assert.NotNull(await patient);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Apply_RefreshesAChangedCredential_BeforeConsumersAct(bool named)
    {
        _kit.Source.Put("pump", 1);
        await _kit.StartAsync();
        await _kit.Feed.FindCredentialAsync("pump");
        var seen = 0L;
        _kit.First.OnApply = async _ => seen = (await _kit.Feed.FindCredentialAsync("pump"))!.Revision;

        _kit.Source.Put("pump", 2);
        await _kit.Feed.ApplyAsync(named ? _kit.Source.Update(1) : new(_kit.Source.Configuration, default));
        Assert.Equal(2, seen);
    }

    [Fact]
    public async Task Apply_LeavesOtherCredentialsCached_AndForgetsNothingUnknownThatWasCreated()
    {
        _kit.Source.Put("pump", 1);
        await _kit.StartAsync();
        await _kit.Feed.FindCredentialAsync("pump");
        Assert.Null(await _kit.Feed.FindCredentialAsync("valve"));
        var reads = _kit.Source.CredentialReads;

        _kit.Source.Put("valve", 2);
        await _kit.Feed.ApplyAsync(_kit.Source.Update(1));
        Assert.NotNull(await _kit.Feed.FindCredentialAsync("valve"));
        Assert.NotNull(await _kit.Feed.FindCredentialAsync("pump"));
        Assert.Equal(reads + 1, _kit.Source.CredentialReads);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Apply_WhileAReadIsUnderWay_LetsNobodySeeTheOldRecord(bool named)
    {
        _kit.Source.Put("pump", 1);
        await _kit.StartAsync();

        // A read has seen revision 1 and is slow to answer.
        var reading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _kit.Source.CredentialRead = _ =>
        {
            reading.TrySetResult();
            return gate.Task;
        };
        var find = _kit.Feed.FindCredentialAsync("pump").AsTask();
        await reading.Task;

        _kit.Source.CredentialRead = null;
        _kit.Source.Put("pump", 2);
        await _kit.Feed.ApplyAsync(named ? _kit.Source.Update(1) : new(_kit.Source.Configuration, default));
        gate.SetResult();

        Assert.Equal(2, (await find)!.Revision);
        Assert.Equal(2, (await _kit.Feed.FindCredentialAsync("pump"))!.Revision);
    }

    [Fact]
    public async Task Apply_WhenAChangedCredentialCannotBeRead_LeavesNoOldOne()
    {
        _kit.Source.Put("pump", 1);
        await _kit.StartAsync();
        await _kit.Feed.FindCredentialAsync("pump");

        _kit.Source.Put("pump", 2);
        var update = _kit.Source.Update(1);
        _kit.Source.Failing = true;
        await _kit.Feed.ApplyAsync(update);
        await Assert.ThrowsAsync<TimeoutException>(async () => await _kit.Feed.FindCredentialAsync("pump"));
        _kit.Source.Failing = false;
        Assert.Equal(2, (await _kit.Feed.FindCredentialAsync("pump"))!.Revision);
    }

    [Fact]
    public async Task Find_OfEverNewUnknownNames_TakesBoundedMemory_AndKeepsTheKnown()
    {
        _kit.Source.Put("pump", 1);
        var cache = new CredentialCache(_kit.Source.GetCredentialAsync, maximumUnknownCharacters: 10_000);
        await cache.FindAsync("pump", CancellationToken.None);
        for (var i = 0; i < 1000; i++)
        {
            Assert.Null(await cache.FindAsync(i.ToString(CultureInfo.InvariantCulture), CancellationToken.None));
            Assert.True(cache.Count <= 90, "The cache holds more unknown names than it may.");
        }

        var reads = _kit.Source.CredentialReads;
        await cache.FindAsync("pump", CancellationToken.None);
        Assert.Equal(reads, _kit.Source.CredentialReads);
    }
}
