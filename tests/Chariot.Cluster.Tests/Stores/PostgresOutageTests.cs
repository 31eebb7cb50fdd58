using Chariot.Cluster.Stores.Postgres;
using Chariot.TestKit;
using Chariot.TestKit.Stores;
using static Chariot.Cluster.Tests.Stores.StoreFixture;

namespace Chariot.Cluster.Tests.Stores;

public sealed class PostgresOutageTests
{
    [Fact]
    public async Task WhileTheServerIsDown_WorkWaits_AndIsCommittedInOrderWhenItIsBack()
    {
        await using var server = await PostgresServer.StartAsync();
        var logger = new RecordingLogger();
        await using var store = await PostgresStore.OpenAsync(await server.CreateDatabaseAsync(), logger);
        await StoreKit.CommitAsync(store, transaction => transaction.PutInbound(0, 1));
        var order = new List<int>();
        var failed = new List<Exception>();

        await server.KillAsync();
        for (var i = 1; i <= 100; i++)
        {
            var number = i;
            store.Submit(new TestWork(
                transaction =>
                {
                    transaction.Fence(number % 3, 1);
                    transaction.PutMessage(Message(number));
                    PutDelivery(transaction, number % 3, number, number);
                },
                () => order.Add(number),
                failed.Add));
        }

        await Eventually.TrueAsync(() => logger.Events.Any(e => e.Id == 3300), "the outage is logged", 30);
        Assert.Equal(100, store.PendingWorks);
        Assert.Empty(order);
        await server.StartAgainAsync();
        await store.FlushAsync();

        Assert.Empty(failed);
        Assert.Equal(Enumerable.Range(1, 100), order);
        Assert.Equal(100, (await store.ReadQueuesAsync()).Sum(queue => queue.Count));
        Assert.Single(logger.Events, e => e.Id == 3300);
        Assert.Single(logger.Events, e => e.Id == 3301);
    }

    [Fact]
    public async Task AStoreThatStaysAway_DoesNotHoldUpTheEndOfTheProcess()
    {
        await using var server = await PostgresServer.StartAsync();
        var store = await PostgresStore.OpenAsync(await server.CreateDatabaseAsync(), new RecordingLogger());
        await server.KillAsync();
        var work = new TestWork(transaction => transaction.PutInbound(1, 1));
        store.Submit(work);

        await store.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAnyAsync<Exception>(() => work.Task);
    }
}
