using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using static Chariot.Cluster.Tests.Stores.StoreFixture;

namespace Chariot.Cluster.Tests.Stores;

/// <summary>What every message store does; each store has a class that runs these.</summary>
public abstract partial class MessageStoreTests : IAsyncLifetime
{
    private StoreKit _kit = null!;

    private protected StoreKit Kit => _kit;

    private IMessageStore Store => _kit.Store;

    private protected abstract Task<StoreKit> OpenAsync();

    public async Task InitializeAsync() => _kit = await OpenAsync();

    public async Task DisposeAsync() => await _kit.DisposeAsync();

    [Fact]
    public async Task AMessage_ComesBackAsItWasStored()
    {
        var message = Message(7, "töpic/1", "payload", retain: true);
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(message);
            transaction.PutDelivery(1, 10, 7, QualityOfService.ExactlyOnce, 65_535, DeliveryState.Released, true, [1, 268_435_455]);
        });

        var row = Assert.Single(await Store.ReadQueueAsync(1, 0, 10));

        Assert.Equal((10L, QualityOfService.ExactlyOnce, (ushort)65_535, DeliveryState.Released, true), (row.Sequence, row.Qos, row.PacketId, row.State, row.Retain));
        Assert.Equal([1u, 268_435_455u], row.SubscriptionIdentifiers.ToArray());
        AssertSame(message, row.Message);
    }

    [Fact]
    public async Task EmptyParts_ComeBackEmpty()
    {
        var message = new ApplicationMessage { Id = 1, Topic = "t"u8.ToArray(), Payload = default, QualityOfService = QualityOfService.AtMostOnce };
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(message);
            transaction.PutDelivery(1, 1, 1, QualityOfService.AtLeastOnce, 0, DeliveryState.Pending, false, default);
        });

        var row = Assert.Single(await Store.ReadQueueAsync(1, 0, 10));

        AssertSame(message, row.Message);
        Assert.Empty(row.SubscriptionIdentifiers);
    }

    [Fact]
    public async Task AMessage_GoesWithItsLastRowOnly()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1));
            PutDelivery(transaction, 1, 1, 1);
            PutDelivery(transaction, 2, 1, 1);
        });

        await _kit.CommitAsync(transaction => transaction.DeleteDelivery(1, 1));
        Assert.Equal(1, await _kit.CountMessagesAsync());
        await _kit.CommitAsync(transaction => transaction.DeleteDelivery(2, 1));
        Assert.Equal(0, await _kit.CountMessagesAsync());
        await _kit.CommitAsync(transaction => transaction.DeleteDelivery(2, 1));

        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1, payload: "again"));
            PutDelivery(transaction, 3, 1, 1);
        });
        Assert.Equal("again"u8.ToArray(), (await Store.ReadQueueAsync(3, 0, 1))[0].Message.Payload.ToArray());
    }

    [Fact]
    public async Task PutMessage_OfAStoredId_DoesNothing()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1, payload: "first"));
            transaction.PutMessage(Message(1, payload: "second"));
            PutDelivery(transaction, 1, 1, 1);
        });

        Assert.Equal("first"u8.ToArray(), (await Store.ReadQueueAsync(1, 0, 1))[0].Message.Payload.ToArray());
    }

    [Fact]
    public async Task AReplacedRow_FreesTheMessageItReferredTo()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1));
            transaction.PutMessage(Message(2));
            PutDelivery(transaction, 1, 1, 1);
            PutDelivery(transaction, 1, 1, 2);
        });

        Assert.Equal(2, (await Store.ReadQueueAsync(1, 0, 10)).Single().Message.Id);
        Assert.Equal(1, await _kit.CountMessagesAsync());
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(2));
            PutDelivery(transaction, 1, 1, 2);
        });
        Assert.Equal(2, (await Store.ReadQueueAsync(1, 0, 10)).Single().Message.Id);
    }

    [Fact]
    public async Task SetDeliveryState_ChangesPacketIdAndState()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1));
            PutDelivery(transaction, 1, 1, 1);
        });

        await _kit.CommitAsync(transaction => transaction.SetDeliveryState(1, 1, 42, DeliveryState.Released));

        var row = Assert.Single(await Store.ReadQueueAsync(1, 0, 10));
        Assert.Equal(((ushort)42, DeliveryState.Released), (row.PacketId, row.State));
    }

    [Fact]
    public async Task ReadQueue_Pages_InOrder()
    {
        await _kit.CommitAsync(transaction =>
        {
            foreach (var sequence in Enumerable.Range(1, 25).Reverse())
            {
                transaction.PutMessage(Message(100 + sequence));
                PutDelivery(transaction, 1, sequence, 100 + sequence);
                PutDelivery(transaction, 2, sequence, 100 + sequence);
            }
        });

        var sequences = new List<long>();
        for (IReadOnlyList<StoredDelivery> page; (page = await Store.ReadQueueAsync(1, sequences.LastOrDefault(), 10)).Count > 0;)
        {
            Assert.InRange(page.Count, 1, 10);
            Assert.All(page, row => Assert.Equal(row.Sequence + 100, row.Message.Id));
            sequences.AddRange(page.Select(row => row.Sequence));
        }

        Assert.Equal(Enumerable.Range(1, 25).Select(i => (long)i), sequences);
    }

    [Fact]
    public async Task ReadQueues_GivesRowsBytesAndHighestSequence()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1, "abc", "12345"));
            transaction.PutMessage(Message(2, "abc", "1234567890"));
            PutDelivery(transaction, 1, 5, 1);
            PutDelivery(transaction, 1, 9, 2);
            PutDelivery(transaction, 2, 1, 2);
        });

        var sizes = (await Store.ReadQueuesAsync()).OrderBy(size => size.SessionId);

        Assert.Equal([new StoredQueueSize(1, 2, 11 + 16, 9), new StoredQueueSize(2, 1, 16, 1)], sizes);
    }

    [Fact]
    public async Task DeleteSession_TakesItsRows_AndMessagesThatNoOtherSessionHas()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1));
            transaction.PutMessage(Message(2));
            PutDelivery(transaction, 1, 1, 1);
            PutDelivery(transaction, 1, 2, 2);
            PutDelivery(transaction, 1, 3, 1);
            PutDelivery(transaction, 2, 1, 2);
            transaction.PutInbound(1, 7);
            transaction.PutInbound(3, 7);
        });
        Assert.Equal([1L, 2L, 3L], (await Store.ReadSessionIdsAsync()).Order());

        await _kit.CommitAsync(transaction => transaction.DeleteSession(1));

        Assert.Equal([2L, 3L], (await Store.ReadSessionIdsAsync()).Order());
        Assert.Equal(2, Assert.Single(await Store.ReadQueueAsync(2, 0, 10)).Message.Id);
        Assert.Equal(1, await _kit.CountMessagesAsync());
        Assert.Equal([(3L, (ushort)7)], await Store.ReadInboundAsync());
    }

    [Fact]
    public async Task Inbound_IsKeptUntilDeleted()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutInbound(1, 1);
            transaction.PutInbound(1, 1);
            transaction.PutInbound(1, 65_535);
            transaction.DeleteInbound(1, 9);
        });
        await _kit.CommitAsync(transaction => transaction.DeleteInbound(1, 1));

        Assert.Equal([(1L, ushort.MaxValue)], await Store.ReadInboundAsync());
    }

    [Fact]
    public async Task Retained_IsReplacedAndDeleted_ByTopic()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutRetained(Message(1, "a", "old"));
            transaction.PutRetained(Message(2, "b", "other"));
            transaction.PutRetained(Message(3, "a", "new"));
            transaction.DeleteRetained("b"u8.ToArray());
            transaction.DeleteRetained("c"u8.ToArray());
        });

        AssertSame(Message(3, "a", "new"), Assert.Single(await ReadRetainedAsync()));
    }

    [Fact]
    public async Task ReadRetained_ReadsMoreThanOnePage()
    {
        var payload = new string('x', 100_000);
        await _kit.CommitAsync(transaction =>
        {
            for (var i = 0; i < 35; i++)
            {
                transaction.PutRetained(Message(i, "t/" + i, payload));
            }
        });

        Assert.Equal(Enumerable.Range(0, 35).Select(i => (long)i), (await ReadRetainedAsync()).Select(message => message.Id).Order());
    }

    [Fact]
    public async Task WhatIsCommitted_OutlivesTheProcess()
    {
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1));
            PutDelivery(transaction, 1, 1, 1);
            transaction.PutRetained(Message(2, "a"));
            transaction.PutInbound(1, 1);
            transaction.Fence(1, 3);
        });

        await _kit.ReopenAsync();

        Assert.Single(await Store.ReadQueueAsync(1, 0, 10));
        Assert.Single(await ReadRetainedAsync());
        Assert.Single(await Store.ReadInboundAsync());
        await Assert.ThrowsAsync<SessionFencedException>(() => _kit.CommitAsync(transaction => transaction.Fence(1, 2)));
    }

    [Fact]
    public async Task LongTopicsAndEmptyPayloads_AreRetained()
    {
        var topic = new string('t', 65_000);
        await _kit.CommitAsync(transaction => transaction.PutRetained(Message(1, topic, "")));

        AssertSame(Message(1, topic, ""), Assert.Single(await ReadRetainedAsync()));
        await _kit.CommitAsync(transaction => transaction.DeleteRetained(Message(1, topic).Topic));
        Assert.Empty(await ReadRetainedAsync());
    }

    [Fact]
    public async Task ALargeMessage_IsQueued()
    {
        var payload = new string('p', 300_000);
        await _kit.CommitAsync(transaction =>
        {
            transaction.PutMessage(Message(1, "t", payload));
            PutDelivery(transaction, 1, 1, 1);
            PutDelivery(transaction, 2, 1, 1);
        });

        AssertSame(Message(1, "t", payload), Assert.Single(await Store.ReadQueueAsync(2, 0, 10)).Message);
        await _kit.CommitAsync(transaction => transaction.DeleteSession(2));
        AssertSame(Message(1, "t", payload), Assert.Single(await Store.ReadQueueAsync(1, 0, 10)).Message);
        await _kit.CommitAsync(transaction => transaction.DeleteDelivery(1, 1));
        Assert.Equal(0, await _kit.CountMessagesAsync());
    }

    [Fact]
    public async Task WorkAfterClose_Fails_AndWorkBeforeIsCommitted()
    {
        var before = new TestWork(transaction => transaction.PutInbound(1, 1));
        var after = new TestWork(transaction => transaction.PutInbound(2, 2));
        Store.Submit(before);
        await _kit.CloseAsync();
        Store.Submit(after);

        await before.Task;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => after.Task);
        await _kit.ReopenAsync();
        Assert.Equal([(1L, (ushort)1)], await Store.ReadInboundAsync());
    }

    private protected async Task<List<ApplicationMessage>> ReadRetainedAsync()
    {
        var messages = new List<ApplicationMessage>();
        await foreach (var message in Store.ReadRetainedAsync())
        {
            messages.Add(message);
        }

        return messages;
    }

    private protected static void AssertSame(ApplicationMessage expected, ApplicationMessage actual)
    {
        Assert.Equal(expected.Topic.ToArray(), actual.Topic.ToArray());
        Assert.Equal(expected.Properties.ToArray(), actual.Properties.ToArray());
        Assert.Equal(expected.Payload.ToArray(), actual.Payload.ToArray());
        Assert.Equal(
            (expected.Id, expected.QualityOfService, expected.Retain, expected.Publisher, expected.PublishedAt, expected.ExpiresAt),
            (actual.Id, actual.QualityOfService, actual.Retain, actual.Publisher, actual.PublishedAt, actual.ExpiresAt));
    }
}
