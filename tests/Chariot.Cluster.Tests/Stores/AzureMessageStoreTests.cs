using Azure.Data.Tables;
using Chariot.Abstractions.Stores;
using Chariot.Cluster.Stores.Azure;
using static Chariot.Cluster.Tests.Stores.StoreFixture;

namespace Chariot.Cluster.Tests.Stores;

[Collection(AzureTests.Name)]
public sealed class AzureMessageStoreTests(AzureFixture azure) : MessageStoreTests
{
    private AzureKit Own => (AzureKit)Kit;

    private protected override async Task<StoreKit> OpenAsync()
    {
        var clusterId = azure.NextClusterId();
        return new AzureKit(azure.Server.ConnectionString, clusterId, await AzureStore.OpenAsync(azure.Server.ConnectionString, clusterId, new RecordingLogger()));
    }

    [Fact]
    public async Task ANewOwner_ShutsTheOldOneOut_EvenOfWhatItBelievesIsItsOwn()
    {
        await using var second = await Own.OpenSecondAsync();
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
        await Assert.ThrowsAsync<SessionFencedException>(() => Kit.CommitAsync(transaction =>
        {
            transaction.Fence(1, 1);
            transaction.DeleteDelivery(1, 1);
        }));

        Assert.Equal([1L], (await second.ReadQueueAsync(1, 0, 10)).Select(row => row.Sequence));
    }

    [Fact]
    public async Task OfTwoOwnersThatRaiseTheFenceAtOnce_NoLowerOneWritesAfterTheHigher()
    {
        await using var second = await Own.OpenSecondAsync();
        var outcomes = await Task.WhenAll(Enumerable.Range(1, 30).Select(async epoch =>
        {
            try
            {
                await StoreKit.CommitAsync(epoch % 2 == 0 ? Kit.Store : second, transaction =>
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

        Assert.Equal(30, outcomes.Max());
        Assert.Equal(outcomes.Where(epoch => epoch > 0).Select(epoch => (long)epoch), (await Kit.Store.ReadQueueAsync(1, 0, 200)).Select(row => row.Sequence));
        await Assert.ThrowsAsync<SessionFencedException>(() => Kit.CommitAsync(transaction => transaction.Fence(1, 29)));
    }

    [Fact]
    public async Task MessagesTooLargeForARow_ComeBack_AndLeaveNoBlob()
    {
        var payload = new string('p', 1_500_000);
        await Kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1, "t", payload));
            PutDelivery(transaction, 1, 1, 1);
            PutDelivery(transaction, 2, 1, 1);
            transaction.PutRetained(Message(1, "t", payload));
        });
        AssertSame(Message(1, "t", payload), Assert.Single(await Kit.Store.ReadQueueAsync(1, 0, 10)).Message);
        AssertSame(Message(1, "t", payload), Assert.Single(await ReadRetainedAsync()));
        await Kit.CommitAsync(transaction => transaction.PutRetained(Message(2, "t", "small")));
        AssertSame(Message(2, "t", "small"), Assert.Single(await ReadRetainedAsync()));

        await Kit.CommitAsync(transaction =>
        {
            transaction.DeleteDelivery(1, 1);
            transaction.DeleteSession(2);
        });

        Assert.Equal(0, await Own.CountBlobsAsync());
    }

    [Fact]
    public async Task MoreRowsThanATransactionTakes_AreAllWritten()
    {
        await Kit.CommitAsync(transaction =>
        {
            transaction.Fence(1, 1);
            for (var i = 1; i <= 250; i++)
            {
                transaction.PutMessage(Message(i));
                PutDelivery(transaction, 1, i, i);
            }
        });
        Assert.Equal(250, (await Kit.Store.ReadQueueAsync(1, 0, 1000)).Count);

        await Kit.CommitAsync(transaction =>
        {
            transaction.Fence(1, 1);
            for (var i = 0; i <= 260; i += 2)
            {
                transaction.DeleteDelivery(1, i);
            }
        });

        Assert.Equal(Enumerable.Range(0, 125).Select(i => (2L * i) + 1), (await Kit.Store.ReadQueueAsync(1, 0, 1000)).Select(row => row.Sequence));
    }

    [Fact]
    public async Task EachOpen_GetsANumberOfItsOwn()
    {
        await using var second = await Own.OpenSecondAsync();

        Assert.Equal(Own.Opened.ProcessStart + 1, second.ProcessStart);
    }

    private sealed class AzureKit(string connectionString, string clusterId, AzureStore store) : StoreKit
    {
        public AzureStore Opened { get; private set; } = store;

        public override IMessageStore Store => Opened;

        public Task<AzureStore> OpenSecondAsync() => AzureStore.OpenAsync(connectionString, clusterId, new RecordingLogger());

        public override Task CloseAsync() => Opened.DisposeAsync().AsTask();

        public override async Task ReopenAsync()
        {
            await Opened.DisposeAsync();
            Opened = await OpenSecondAsync();
        }

        /// <summary>Each row holds its message.</summary>
        public override async Task<long> CountMessagesAsync()
        {
            var ids = new HashSet<long>();
            await foreach (var row in Opened.Account.Sessions.QueryAsync<TableEntity>())
            {
                if (row.GetInt64(AzureRows.MessageId) is { } id)
                {
                    ids.Add(id);
                }
            }

            return ids.Count;
        }

        public async Task<int> CountBlobsAsync()
        {
            var count = 0;
            await foreach (var _ in Opened.Account.Content.GetBlobsAsync())
            {
                count++;
            }

            return count;
        }

        public override ValueTask DisposeAsync() => Opened.DisposeAsync();
    }
}
