using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores.Postgres;
using Npgsql;
using static Chariot.Cluster.Tests.Stores.StoreFixture;

namespace Chariot.Cluster.Tests.Stores;

[Collection(PostgresTests.Name)]
public sealed class PostgresMessageStoreTests(PostgresFixture postgres) : MessageStoreTests
{
    private PostgresKit Own => (PostgresKit)Kit;

    private protected override async Task<StoreKit> OpenAsync()
    {
        var connectionString = await postgres.CreateDatabaseAsync();
        var logger = new RecordingLogger();
        return new PostgresKit(connectionString, logger, await PostgresStore.OpenAsync(connectionString, logger));
    }

    [Fact]
    public async Task TwoProcesses_QueueAndRemoveTheSameMessages_AndLoseNone()
    {
        await using var second = await PostgresStore.OpenAsync(Own.ConnectionString, Own.Logger);
        var works = new List<Task>();
        for (var i = 1; i <= 200; i++)
        {
            var id = i;
            // Both store the message for a session of their own; the first one's subscriber acknowledges at once.
            works.Add(StoreKit.CommitAsync(Kit.Store, transaction =>
            {
                transaction.PutMessage(Message(id));
                PutDelivery(transaction, 1, id, id);
            }));
            works.Add(StoreKit.CommitAsync(second, transaction =>
            {
                transaction.PutMessage(Message(id));
                PutDelivery(transaction, 2, id, id);
            }));
            works.Add(StoreKit.CommitAsync(Kit.Store, transaction => transaction.DeleteDelivery(1, id)));
        }

        await Task.WhenAll(works);

        Assert.Empty(await second.ReadQueueAsync(1, 0, 1000));
        Assert.Equal(Enumerable.Range(1, 200).Select(i => (long)i), (await Kit.Store.ReadQueueAsync(2, 0, 1000)).Select(row => row.Message.Id));
        await StoreKit.CommitAsync(second, transaction => transaction.DeleteSession(2));
        Assert.Equal(0, await Kit.CountMessagesAsync());
    }

    [Fact]
    public async Task ANewOwner_ShutsTheOldOneOut()
    {
        await using var second = await PostgresStore.OpenAsync(Own.ConnectionString, Own.Logger);
        await Kit.CommitAsync(transaction =>
        {
            transaction.Fence(1, 1);
            transaction.PutMessage(Message(1));
            PutDelivery(transaction, 1, 1, 1);
        });
        await StoreKit.CommitAsync(second, transaction => transaction.Fence(1, 2));

        await Assert.ThrowsAsync<SessionFencedException>(() => Kit.CommitAsync(transaction =>
        {
            transaction.Fence(1, 1);
            transaction.PutMessage(Message(2));
            PutDelivery(transaction, 1, 2, 2);
        }));

        Assert.Equal([1L], (await second.ReadQueueAsync(1, 0, 10)).Select(row => row.Sequence));
    }

    [Fact]
    public async Task OfTwoOwnersThatRaiseTheFenceAtOnce_NoLowerOneWritesAfterTheHigher()
    {
        await using var second = await PostgresStore.OpenAsync(Own.ConnectionString, Own.Logger);
        var outcomes = await Task.WhenAll(Enumerable.Range(1, 100).Select(async epoch =>
        {
            var store = epoch % 2 == 0 ? Kit.Store : second;
            try
            {
                await StoreKit.CommitAsync(store, transaction =>
                {
                    transaction.Fence(1, epoch);
                    transaction.PutMessage(Message(epoch));
                    PutDelivery(transaction, 1, epoch, epoch);
                });
                return epoch;
            }
            catch (SessionFencedException refused)
            {
                Assert.True(refused.StoredEpoch > epoch);
                return 0;
            }
        }));

        Assert.Equal(100, outcomes.Max());
        Assert.Equal(outcomes.Where(epoch => epoch > 0).Select(epoch => (long)epoch), (await Kit.Store.ReadQueueAsync(1, 0, 200)).Select(row => row.Sequence));
        await Assert.ThrowsAsync<SessionFencedException>(() => Kit.CommitAsync(transaction => transaction.Fence(1, 99)));
    }

    [Fact]
    public async Task EachOpen_GetsANumberOfItsOwn()
    {
        await using var second = await PostgresStore.OpenAsync(Own.ConnectionString, Own.Logger);

        Assert.NotEqual(Own.Opened.ProcessStart, second.ProcessStart);
    }

    [Fact]
    public async Task ManyOpensOfAnEmptyDatabase_MakeTheTablesOnce()
    {
        var connectionString = await postgres.Server.CreateDatabaseAsync();
        var stores = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PostgresStore.OpenAsync(connectionString, Own.Logger)));

        Assert.Equal(4, stores.Select(store => store.ProcessStart).Distinct().Count());
        foreach (var store in stores)
        {
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task ADatabaseOfANewerBuild_IsRefused()
    {
        await Own.ExecuteAsync("UPDATE chariot_schema SET version = 99");

        var error = await Assert.ThrowsAsync<Chariot.Cluster.Stores.StoreUnavailableException>(() => PostgresStore.OpenAsync(Own.ConnectionString, Own.Logger));

        Assert.Contains("schema version 99, newer", error.Message, StringComparison.Ordinal);
    }

    private sealed class PostgresKit(string connectionString, RecordingLogger logger, PostgresStore store) : StoreKit
    {
        public string ConnectionString => connectionString;

        public RecordingLogger Logger => logger;

        public PostgresStore Opened { get; private set; } = store;

        public override IMessageStore Store => Opened;

        public override Task CloseAsync() => Opened.DisposeAsync().AsTask();

        public override async Task ReopenAsync()
        {
            await Opened.DisposeAsync();
            Opened = await PostgresStore.OpenAsync(connectionString, logger);
        }

        public override async Task<long> CountMessagesAsync()
        {
            await using var command = Opened.Source.CreateCommand("SELECT count(*) FROM message");
            return (long)(await command.ExecuteScalarAsync())!;
        }

        public async Task ExecuteAsync(string sql)
        {
            await using var command = Opened.Source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }

        public override ValueTask DisposeAsync() => Opened.DisposeAsync();
    }
}
