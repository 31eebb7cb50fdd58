using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using static Chariot.Cluster.Tests.Stores.StoreFixture;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>Order, groups and fences of works.</summary>
public abstract partial class MessageStoreTests
{
    [Fact]
    public async Task Works_AreAnsweredInTheOrderSubmitted_OnOneThread()
    {
        var order = new List<int>();
        var threads = new HashSet<int>();
        for (var i = 0; i < 500; i++)
        {
            var number = i;
            Store.Submit(new TestWork(transaction => transaction.PutInbound(number, 1), () =>
            {
                order.Add(number);
                threads.Add(Environment.CurrentManagedThreadId);
            }));
        }

        await Store.FlushAsync();

        Assert.Equal(Enumerable.Range(0, 500), order);
        Assert.Single(threads);
        Assert.Equal(500, (await Store.ReadInboundAsync()).Count);
    }

    [Fact]
    public async Task ABadWork_FailsAlone_AndTheOrderStays()
    {
        var outcomes = new List<string>();
        for (var i = 0; i < 30; i++)
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

                    if (number % 7 == 5)
                    {
                        // No such message.
                        PutDelivery(transaction, number, 1, 1_000_000);
                    }
                },
                () => outcomes.Add("ok " + number),
                _ => outcomes.Add("bad " + number)));
        }

        await Store.FlushAsync();

        Assert.Equal(Enumerable.Range(0, 30).Select(i => (i % 7 is 3 or 5 ? "bad " : "ok ") + i), outcomes);
        Assert.Equal(Enumerable.Range(0, 30).Where(i => i % 7 is not (3 or 5)).Select(i => ((long)i, (ushort)1)), await Store.ReadInboundAsync());
    }

    [Fact]
    public async Task ARowStoredAndRemovedAtOnce_LeavesNothing()
    {
        var works = Enumerable.Range(0, 20).Select(i => new TestWork(transaction =>
        {
            transaction.PutMessage(Message(i));
            PutDelivery(transaction, 1, i, i);
        })).ToList();
        var removals = Enumerable.Range(0, 20).Select(i => new TestWork(transaction => transaction.DeleteDelivery(1, i))).ToList();
        works.ForEach(Store.Submit);
        removals.ForEach(Store.Submit);
        await Task.WhenAll(works.Concat(removals).Select(work => work.Task));

        Assert.Empty(await Store.ReadQueueAsync(1, -1, 100));
        Assert.Equal(0, await _kit.CountMessagesAsync());
    }

    [Fact]
    public async Task AnEndedSession_MayBeginAgainInOneWork()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1));
            PutDelivery(transaction, 1, 1, 1);
            transaction.PutInbound(1, 1);
        });
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutInbound(1, 3);
            transaction.DeleteSession(1);
            transaction.PutMessage(Message(2));
            PutDelivery(transaction, 1, 2, 2);
            transaction.PutInbound(1, 2);
        });

        Assert.Equal([2L], (await Store.ReadQueueAsync(1, 0, 10)).Select(row => row.Sequence));
        Assert.Equal([(1L, (ushort)2)], await Store.ReadInboundAsync());
        Assert.Equal(1, await _kit.CountMessagesAsync());
    }

    [Fact]
    public async Task AWorkOfAnOlderEpoch_IsRefusedWholly_AndItsNeighboursAreNot()
    {
        await _kit.CommitAsync(transaction => transaction.Fence(1, 5));
        var old = new TestWork(transaction =>
        {
            transaction.Fence(1, 4);
            transaction.PutMessage(Message(1));
            PutDelivery(transaction, 1, 1, 1);
            transaction.PutInbound(9, 9);
        });
        var current = new TestWork(transaction =>
        {
            transaction.Fence(1, 5);
            transaction.PutMessage(Message(2));
            PutDelivery(transaction, 1, 2, 2);
        });
        var other = new TestWork(transaction => transaction.PutInbound(2, 2));
        foreach (var work in new[] { other, old, current })
        {
            Store.Submit(work);
        }

        await Store.FlushAsync();

        var error = await Assert.ThrowsAsync<SessionFencedException>(() => old.Task);
        Assert.Equal((1L, 4L, 5L), (error.SessionId, error.Epoch, error.StoredEpoch));
        await current.Task;
        Assert.Equal([2L], (await Store.ReadQueueAsync(1, 0, 10)).Select(row => row.Message.Id));
        Assert.Equal([(2L, (ushort)2)], await Store.ReadInboundAsync());
        Assert.Equal(1, await _kit.CountMessagesAsync());
    }

    [Fact]
    public async Task AFence_RaisedAndBrokenInOneGroup_HoldsInOrder()
    {
        var outcomes = new List<string>();
        foreach (var epoch in new long[] { 1, 2, 1, 2, 3, 2 })
        {
            Store.Submit(new TestWork(transaction => transaction.Fence(7, epoch), () => outcomes.Add("ok " + epoch), _ => outcomes.Add("refused " + epoch)));
        }

        await Store.FlushAsync();

        Assert.Equal(["ok 1", "ok 2", "refused 1", "ok 2", "ok 3", "refused 2"], outcomes);
        Assert.Contains(7L, await Store.ReadSessionIdsAsync());
        await _kit.CommitAsync(transaction => transaction.DeleteSession(7));
        Assert.DoesNotContain(7L, await Store.ReadSessionIdsAsync());
    }
}
