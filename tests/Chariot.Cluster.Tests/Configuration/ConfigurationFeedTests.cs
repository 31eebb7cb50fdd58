using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Tests.Tls;

namespace Chariot.Cluster.Tests.Configuration;

public sealed class ConfigurationFeedTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan s_pull = TimeSpan.FromSeconds(5);
    private readonly FeedKit _kit = new();

    public Task InitializeAsync() => Task.CompletedTask;

    // xunit 2 calls this one only.
    public async Task DisposeAsync() => await _kit.DisposeAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => _kit.DisposeAsync();

    [Fact]
    public async Task Start_AppliesWhatIsCommitted_RevisionZeroIncluded()
    {
        var result = await _kit.StartAsync();
        Assert.Equal(new NodeResult("node-1", 0, true, null), result);
        Assert.Equal(["first apply 0", "second apply 0"], _kit.Journal);
        Assert.Null(_kit.First.Changes[0].ChangedCredentials);
    }

    [Fact]
    public async Task Start_WhileTheStoreIsAway_KeepsTrying_AndSaysSoOnce()
    {
        _kit.Source.Failing = true;
        var starting = _kit.StartAsync();
        await _kit.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => _kit.Source.UpdateReads >= 3);
        Assert.False(starting.IsCompleted);
        Assert.Empty(_kit.Journal);

        _kit.Source.Failing = false;
        await _kit.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => starting.IsCompleted);
        Assert.True((await starting).Applied);
        Assert.Equal(1, _kit.Logger.Count(3503));
        Assert.Equal(1, _kit.Logger.Count(3504));
    }

    [Fact]
    public async Task Apply_BeforeStart_IsAnsweredWithoutActing_AndStartTakesIt()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _kit.Source.UpdateRead = () =>
        {
            asked.TrySetResult();
            return answer.Task;
        };

        // The start has read revision 0 when revision 4 is pushed.
        var starting = _kit.StartAsync();
        await asked.Task;
        var early = await _kit.Feed.ApplyAsync(FeedKit.Push(4));
        Assert.Equal((4, true), (early.Revision, early.Applied));
        Assert.Empty(_kit.Journal);

        answer.SetResult();
        Assert.Equal(4, (await starting).Revision);
        Assert.Equal(["first apply 4", "second apply 4"], _kit.Journal);
    }

    [Fact]
    public async Task Apply_CallsConsumersInOrder_WithTheNewValueCurrent()
    {
        await _kit.StartAsync();
        _kit.Journal.Clear();
        var seen = new List<long>();
        _kit.First.OnApply = _ =>
        {
            seen.Add(_kit.Feed.Current.Revision);
            return Task.CompletedTask;
        };

        var result = await _kit.Feed.ApplyAsync(FeedKit.Push(1, null, "pump"));
        Assert.Equal(new NodeResult("node-1", 1, true, null), result);
        Assert.Equal(["first apply 1", "second apply 1"], _kit.Journal);
        Assert.Equal([1L], seen);
        Assert.Equal(["pump"], _kit.Second.Changes[^1].ChangedCredentials!);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(7)]
    public async Task Apply_OfAnOlderOrEqualRevision_ChangesNothing(long revision)
    {
        await _kit.StartAsync();
        await _kit.Feed.ApplyAsync(FeedKit.Push(7));
        _kit.Journal.Clear();

        var result = await _kit.Feed.ApplyAsync(FeedKit.Push(revision));
        Assert.Equal((7, true), (result.Revision, result.Applied));
        Assert.Equal(7, _kit.Feed.Current.Revision);
        Assert.Empty(_kit.Journal);
    }

    [Fact]
    public async Task Apply_AtTheSameTime_RunsOneAfterTheOther()
    {
        await _kit.StartAsync();
        var inside = 0;
        var overlaps = 0;
        _kit.First.OnApply = async _ =>
        {
            overlaps += Interlocked.Increment(ref inside) - 1;
            await Task.Yield();
            Interlocked.Decrement(ref inside);
        };

        await Task.WhenAll(Enumerable.Range(1, 50).Select(i => Task.Run(() => _kit.Feed.ApplyAsync(FeedKit.Push(i)))));
        Assert.Equal(0, overlaps);
        Assert.Equal(50, _kit.Feed.Current.Revision);
        var revisions = _kit.First.Changes.Select(change => change.Configuration.Revision).ToArray();
        Assert.Equal(revisions.Order(), revisions);
    }

    [Fact]
    public async Task Apply_AfterAGap_TreatsEveryCredentialAsChanged()
    {
        await _kit.StartAsync();
        await _kit.Feed.ApplyAsync(FeedKit.Push(2, null, "pump"));
        Assert.Null(_kit.First.Changes[^1].ChangedCredentials);
    }

    [Fact]
    public async Task Apply_WithoutAList_TreatsEveryCredentialAsChanged()
    {
        await _kit.StartAsync();
        await _kit.Feed.ApplyAsync(new ConfigurationUpdate(new BrokerConfiguration { Revision = 1 }, default));
        Assert.Null(_kit.First.Changes[^1].ChangedCredentials);
    }

    [Fact]
    public async Task Apply_WhenAConsumerFails_RunsTheOthers_SaysWhich_AndTriesAgain()
    {
        await _kit.StartAsync();
        _kit.First.ApplyFailure = new IOException("Port 1883 is taken.");
        _kit.Journal.Clear();

        _kit.Source.Configuration = new BrokerConfiguration { Revision = 1 };
        var result = await _kit.Feed.ApplyAsync(_kit.Source.Update(0));
        Assert.False(result.Applied);
        Assert.Equal("FakeConsumer could not act on revision 1: Port 1883 is taken.", result.Error);
        Assert.Equal(["first apply 1", "second apply 1"], _kit.Journal);
        Assert.Equal(1, _kit.Logger.Count(3502));

        // Fails again on the pulls, and is not logged again.
        await _kit.AdvanceUntilAsync(s_pull, () => _kit.First.Changes.Count >= 4);
        Assert.Equal(1, _kit.Logger.Count(3502));

        _kit.First.ApplyFailure = null;
        await _kit.AdvanceUntilAsync(s_pull, () => _kit.First.Applied(1).IsCompletedSuccessfully);
        Assert.Null(_kit.First.Changes[^1].ChangedCredentials);
        Assert.True((await _kit.Feed.ApplyAsync(FeedKit.Push(1))).Applied);
    }

    [Fact]
    public async Task Pull_HealsAMissedPush()
    {
        await _kit.StartAsync();
        _kit.Source.Put("pump", 1);
        _kit.Source.Put("valve", 2);
        await _kit.AdvanceUntilAsync(s_pull, () => _kit.Feed.Current.Revision == 2);
        await _kit.First.Applied(2);
        Assert.Equal(["pump", "valve"], _kit.First.Changes[^1].ChangedCredentials!);
    }

    [Fact]
    public async Task Pull_ThatFails_IsLoggedOncePerOutage_AndHealsByItself()
    {
        await _kit.StartAsync();
        _kit.Source.Failing = true;
        var reads = _kit.Source.UpdateReads;
        await _kit.AdvanceUntilAsync(s_pull, () => _kit.Source.UpdateReads >= reads + 4);

        _kit.Source.Failing = false;
        _kit.Source.Configuration = new BrokerConfiguration { Revision = 3 };
        await _kit.AdvanceUntilAsync(s_pull, () => _kit.Logger.Count(3504) > 0);
        Assert.Equal(3, _kit.Feed.Current.Revision);
        Assert.Equal(1, _kit.Logger.Count(3503));
        Assert.Equal(1, _kit.Logger.Count(3504));
    }

    [Fact]
    public async Task Apply_OfASetup_ServesItsCertificate_AndOfItsDeletion_None()
    {
        await _kit.StartAsync();
        var fingerprint = TestPki.Fingerprint(TestPki.Shared.Leaf);
        var ssl = _kit.Ssl("one");

        Assert.Equal(fingerprint, (await _kit.Feed.ApplyAsync(FeedKit.Push(1, ssl))).ServedFingerprint);
        var served = _kit.Feed.Tls;
        Assert.Same(served, _kit.First.Changes[^1].Tls);

        // The context is kept over changes of other things: on Linux session resumption hangs on it.
        await _kit.Feed.ApplyAsync(FeedKit.Push(2, ssl));
        Assert.Same(served, _kit.Feed.Tls);

        await _kit.Feed.ApplyAsync(FeedKit.Push(3, _kit.Ssl("two")));
        Assert.Equal("two", _kit.Feed.Tls!.SetupId);

        Assert.Null((await _kit.Feed.ApplyAsync(FeedKit.Push(4))).ServedFingerprint);
        Assert.Null(_kit.Feed.Tls);
        Assert.Null(_kit.First.Changes[^1].Tls);
    }

    [Fact]
    public async Task Apply_OfASetupThatCannotBeOpened_AppliesTheRest_AndNamesTheMasterKeyFile()
    {
        await _kit.StartAsync();
        await _kit.Feed.ApplyAsync(FeedKit.Push(1, _kit.Ssl("one")));

        var result = await _kit.Feed.ApplyAsync(FeedKit.Push(2, _kit.ForeignSsl("two")));
        Assert.False(result.Applied);
        Assert.Contains(_kit.MasterKey.File, result.Error, StringComparison.Ordinal);
        Assert.Null(result.ServedFingerprint);
        Assert.Equal(2, _kit.Feed.Current.Revision);
        Assert.Null(_kit.Feed.Tls);
        Assert.Null(_kit.First.Changes[^1].Tls);
        Assert.Equal(1, _kit.Logger.Count(3501));
        Assert.False((await _kit.Feed.ApplyAsync(FeedKit.Push(2, _kit.ForeignSsl("two")))).Applied);
    }
}
