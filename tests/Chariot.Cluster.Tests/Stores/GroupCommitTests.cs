using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using static Chariot.Cluster.Tests.Stores.StoreFixture;

namespace Chariot.Cluster.Tests.Stores;

public sealed class GroupCommitTests : IDisposable
{
    private readonly StoreFixture _fixture = new();

    private SqliteStore Store => _fixture.Store;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Works_AreCommittedInTheOrderSubmitted_OnOneThread()
    {
        var order = new List<int>();
        var threads = new HashSet<int>();
        for (var i = 0; i < 10_000; i++)
        {
            var number = i;
            Store.Submit(new TestWork(transaction => transaction.PutInbound(number, 1), () =>
            {
                order.Add(number);
                threads.Add(Environment.CurrentManagedThreadId);
            }));
        }

        await Store.FlushAsync();

        Assert.Equal(Enumerable.Range(0, 10_000), order);
        Assert.Single(threads);
        Assert.Equal(0, Store.PendingWorks);
        Assert.Equal(10_000, _fixture.Count("inbound"));
    }

    [Fact]
    public async Task AFailingWork_FailsAlone_AndTheOrderStays()
    {
        var outcomes = new List<string>();
        using (HoldTheWriter())
        {
            for (var i = 0; i < 50; i++)
            {
                var number = i;
                Store.Submit(new TestWork(
                    transaction =>
                    {
                        transaction.PutInbound(number, 1);
                        if (number % 7 == 3)
                        {
                            throw new InvalidOperationException("bad " + number);
                        }
                    },
                    () => outcomes.Add("ok " + number),
                    error => outcomes.Add(error.Message)));
            }
        }

        await Store.FlushAsync();

        Assert.Equal(Enumerable.Range(0, 50).Select(i => (i % 7 == 3 ? "bad " : "ok ") + i), outcomes);
        Assert.Equal(Enumerable.Range(0, 50).Where(i => i % 7 != 3).Select(i => ((long)i, (ushort)1)), await Store.ReadInboundAsync());
    }

    [Fact]
    public async Task AFailingWork_LeavesNothingOfItself()
    {
        var work = _fixture.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1));
            PutDelivery(transaction, 1, 1, 1);
            transaction.PutRetained(Message(1));
            throw new InvalidOperationException("no");
        });

        await Assert.ThrowsAsync<InvalidOperationException>(() => work);
        Assert.Equal(0, _fixture.Count("message") + _fixture.Count("queue") + _fixture.Count("retained"));
    }

    [Fact]
    public async Task ADeliveryOfAMessageThatIsNotStored_Fails()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => _fixture.CommitAsync(transaction => PutDelivery(transaction, 1, 1, 77)));
        Assert.Equal(0, _fixture.Count("queue"));
    }

    [Fact]
    public async Task AFailedCommit_FailsItsWholeGroup_AndTheStoreGoesOn()
    {
        await Store.FlushAsync();
        raw.sqlite3_commit_hook(Store.WriterConnection.Handle, static _ => 1, null);
        var works = Enumerable.Range(0, 10).Select(i => new TestWork(transaction => transaction.PutInbound(i, 1))).ToList();

        using (HoldTheWriter())
        {
            works.ForEach(Store.Submit);
        }

        foreach (var work in works)
        {
            await Assert.ThrowsAsync<SqliteException>(() => work.Task);
        }

        await Store.FlushAsync();
        raw.sqlite3_commit_hook(Store.WriterConnection.Handle, null, null);
        Assert.Empty(await Store.ReadInboundAsync());
        await _fixture.CommitAsync(transaction => transaction.PutInbound(5, 5));
        Assert.Equal([(5L, (ushort)5)], await Store.ReadInboundAsync());
        Assert.Single(_fixture.Logger.Events, e => e.Id == 3100);
        Assert.Single(_fixture.Logger.Events, e => e.Id == 3103);
    }

    [Fact]
    public async Task AFullDisk_FailsWorks_UntilThereIsSpaceAgain()
    {
        await Store.WriteAsync(static transaction =>
        {
            var pages = transaction.Connection.ReadInt64("PRAGMA page_count");
            return transaction.Connection.ReadInt64($"PRAGMA max_page_count = {pages + 20}");
        });
        var payload = new string('x', 50_000);

        await _fixture.CommitAsync(transaction => transaction.PutRetained(Message(1, "small", payload)));
        var error = await Assert.ThrowsAsync<SqliteException>(() => _fixture.CommitAsync(transaction => transaction.PutRetained(Message(2, "large", payload))));
        Assert.Equal(raw.SQLITE_FULL, error.SqliteErrorCode);
        await _fixture.CommitAsync(transaction => transaction.DeleteRetained(Message(1, "small").Topic));
        await _fixture.CommitAsync(transaction => transaction.PutRetained(Message(2, "large", payload)));

        Assert.Equal(1, _fixture.Count("retained"));
    }

    [Fact]
    public async Task AThrowingCallback_IsLogged_AndTheStoreGoesOn()
    {
        Store.Submit(new TestWork(static _ => { }, static () => throw new InvalidOperationException("callback")));
        Store.Submit(new TestWork(static _ => throw new InvalidOperationException("apply"), failed: static _ => throw new InvalidOperationException("callback")));

        await _fixture.CommitAsync(transaction => transaction.PutInbound(1, 1));

        Assert.Equal(2, _fixture.Logger.Events.Count(e => e.Id == 3102));
    }

    [Fact]
    public async Task LargeMessages_EndAGroupEarly_AndAreAllStored()
    {
        var payload = new string('x', 1024 * 1024);
        using (HoldTheWriter())
        {
            for (var i = 1; i <= 40; i++)
            {
                var number = i;
                Store.Submit(new TestWork(transaction => transaction.PutRetained(Message(number, "t/" + number, payload))));
            }
        }

        await Store.FlushAsync();

        Assert.Equal(40, _fixture.Count("retained"));
    }

    [Fact]
    public void WorkAfterClose_Fails_AndWorkBeforeIsCommitted()
    {
        var before = new TestWork(transaction => transaction.PutInbound(1, 1));
        var after = new TestWork(transaction => transaction.PutInbound(2, 2));
        Store.Submit(before);
        Store.Dispose();
        Store.Submit(after);

        Assert.True(before.Task.IsCompletedSuccessfully);
        Assert.IsType<ObjectDisposedException>(after.Task.Exception!.InnerException);
        _fixture.Reopen();
        Assert.Equal(1, _fixture.Count("inbound"));
    }

    /// <summary>Keeps the writer in one work, so that what is submitted meanwhile becomes one group.</summary>
    private Hold HoldTheWriter()
    {
        var hold = new Hold();
        Store.Submit(new TestWork(_ => hold.Enter(), failed: static _ => { }));
        hold.WaitEntered();
        Assert.Equal(1, Store.PendingWorks);
        return hold;
    }

    private sealed class Hold : IDisposable
    {
        private readonly ManualResetEventSlim _entered = new();
        private readonly ManualResetEventSlim _release = new();

        public void Enter()
        {
            _entered.Set();
            Assert.True(_release.Wait(TimeSpan.FromSeconds(30)));
        }

        public void WaitEntered() => Assert.True(_entered.Wait(TimeSpan.FromSeconds(30)));

        public void Dispose() => _release.Set();
    }
}
