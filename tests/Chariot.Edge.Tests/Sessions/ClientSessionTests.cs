using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;
using Chariot.Abstractions.Configuration;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>Acknowledge or persist, QoS 2, the window and the stored queue, step by step.</summary>
public sealed partial class ClientSessionTests : IDisposable
{
    private static readonly SubscriptionRecord All = new("t/#", QualityOfService.ExactlyOnce);
    private readonly EdgeKit _kit = new();
    private readonly ScriptedTransport _toPublisher = new();
    private readonly ScriptedTransport _toSubscriber = new();
    private readonly MqttConnection _publisher;
    private ushort _nextId;

    public ClientSessionTests() => _publisher = _kit.Connect(_kit.Session("p", 1, durable: false), _toPublisher);

    public void Dispose() => _kit.Dispose();

    [Fact]
    public void Qos1_ToAnOnlineSubscriber_IsAcknowledgedByItsPubAck_AndNeverStored()
    {
        var (session, connection) = Subscriber();
        Publish("m", 1);
        Assert.Empty(ToPublisher());
        var sent = Assert.Single(ToSubscriber());

        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, sent.Id));

        Assert.Equal([PacketType.PubAck], ToPublisher().Select(packet => packet.Type));
        Assert.False(session.PersistUnacknowledged(long.MaxValue));
        Assert.Equal(0, _kit.Store.Pending);
    }

    [Fact]
    public void Qos1_WithoutPubAck_IsAcknowledgedByTheCommit_NotBySubmitting()
    {
        var (session, connection) = Subscriber();
        Publish("m", 1);
        Assert.True(session.PersistUnacknowledged(sentBefore: 0));
        Assert.Equal(0, _kit.Store.Pending);

        Assert.False(session.PersistUnacknowledged(long.MaxValue));
        Assert.Empty(ToPublisher());
        _kit.Store.Commit();
        Assert.Single(ToPublisher());

        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, ToSubscriber().Single().Id));
        _kit.Store.Commit();
        Assert.Empty(ToPublisher());
        Assert.Empty(_kit.Store.Rows(2));
    }

    [Fact]
    public void Qos1_PubAckWhileTheRowIsUnderWay_AcknowledgesOnce_AndLeavesNoRow()
    {
        var (session, connection) = Subscriber();
        Publish("m", 1);
        session.PersistUnacknowledged(long.MaxValue);
        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, ToSubscriber().Single().Id));
        Assert.Single(ToPublisher());

        _kit.Store.Commit();

        Assert.Empty(ToPublisher());
        Assert.Empty(_kit.Store.Rows(2));
    }

    [Fact]
    public void FullWindow_StoresWhatIsUnacknowledgedBeforeIt_InOrder()
    {
        var (session, _) = Subscriber(window: 2);
        for (var i = 0; i < 4; i++)
        {
            Publish($"{i}", 1);
        }

        for (var commits = 0; _kit.Store.Pending > 0; commits++)
        {
            _kit.Store.Commit(1);
            var rows = _kit.Store.Rows(2).Select(row => System.Text.Encoding.UTF8.GetString(row.Message.Payload.Span)).ToList();
            Assert.Equal(Enumerable.Range(0, rows.Count).Select(i => $"{i}"), rows);
        }

        Assert.Equal(4, _kit.Store.Rows(2).Count);
        Assert.Equal(["0", "1"], ToSubscriber().Select(packet => packet.Payload));
        Assert.Equal(4, ToPublisher().Count);
    }

    [Fact]
    public void EarlierUnacknowledgedRows_AreSubmittedBeforeALaterOne_WhateverJobComesFirst()
    {
        var (session, _) = Subscriber(window: 1);
        Deliver(session, 1, "0").Submit();
        // Its publisher is still busy with other targets: the job is not submitted yet.
        var slow = Deliver(session, 2, "1");
        Deliver(session, 3, "2").Submit();
        _kit.Store.Commit();

        Assert.Equal("0", Payloads(_kit.Store.Rows(2))[0]);
        slow.Submit();
        _kit.Store.Commit();
        Assert.Equal(["0", "1", "2"], Payloads(_kit.Store.Rows(2)));
    }

    [Fact]
    public void Qos2_SendsNothingBeforeItsCommit_AndPubRelOnlyAfterThatOfPubRec()
    {
        var (_, connection) = Subscriber();
        Publish("m", 2);
        Assert.Empty(ToSubscriber());
        Assert.Empty(ToPublisher());
        _kit.Store.Commit();
        var sent = Assert.Single(ToSubscriber());
        Assert.Equal(sent.Id, Assert.Single(_kit.Store.Rows(2)).PacketId);
        Assert.Equal(PacketType.PubRec, Assert.Single(ToPublisher()).Type);

        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubRec, sent.Id));
        Assert.Empty(ToSubscriber());
        _kit.Store.Commit();
        Assert.Equal(PacketType.PubRel, Assert.Single(ToSubscriber()).Type);
        Assert.Equal(DeliveryState.Released, Assert.Single(_kit.Store.Rows(2)).State);

        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubComp, sent.Id));
        _kit.Store.Commit();
        Assert.Empty(_kit.Store.Rows(2));
    }

    [Fact]
    public void Qos2Inbound_PubCompFollowsTheCommitOfItsRemoval_AndRetransmissionsAreNotDeliveredAgain()
    {
        var durable = _kit.Session("d", 7, durable: true);
        var wire = new ScriptedTransport();
        var publisher = _kit.Connect(durable, wire);
        var (_, _) = Subscriber();
        _kit.Receive(publisher, EdgeKit.PublishPacket("t/a", "m", 2, 5));
        _kit.Receive(publisher, EdgeKit.PublishPacket("t/a", "m", 2, 5, dup: true));
        Assert.Empty(wire.Sent);
        _kit.Store.Commit();
        Assert.Equal([PacketType.PubRec], SentPacket.Parse(wire.TakeSent()).Select(packet => packet.Type));
        _kit.Receive(publisher, EdgeKit.PublishPacket("t/a", "m", 2, 5, dup: true));
        Assert.Equal([PacketType.PubRec], SentPacket.Parse(wire.TakeSent()).Select(packet => packet.Type));
        Assert.Single(ToSubscriber());

        _kit.Receive(publisher, EdgeKit.Ack(PacketType.PubRel, 5));
        Assert.Empty(wire.Sent);
        Assert.Equal([5], _kit.Store.Inbound(7).Select(id => (int)id));
        _kit.Store.Commit();
        Assert.Equal([PacketType.PubComp], SentPacket.Parse(wire.TakeSent()).Select(packet => packet.Type));
        Assert.Empty(_kit.Store.Inbound(7));
        Assert.Equal(0, durable.InboundCount);
    }

    [Fact]
    public void FailingStore_NeverAcknowledges_AndNeverSendsQos2()
    {
        Subscriber(window: 1);
        _kit.Store.Fails = _ => true;
        for (var i = 0; i < 3; i++)
        {
            Publish($"{i}", 1);
            Publish($"{i}", 2);
            _kit.Store.Commit();
        }

        Assert.Empty(ToPublisher());
        Assert.Equal([1], ToSubscriber().Select(packet => packet.Qos));
    }

    [Fact]
    public void Resume_RedeliversInOrderWithTheSameIdsAndDup_ThenWhatWaits()
    {
        var (session, connection) = Subscriber(window: 3);
        for (var i = 0; i < 5; i++)
        {
            Publish($"{i}", 1);
        }

        var before = ToSubscriber();
        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, before[1].Id));
        before.AddRange(ToSubscriber());
        session.Detach(connection, _kit.Time.GetUtcNow());
        Publish("5", 1);

        var wire = new ScriptedTransport();
        _kit.Connect(session, wire, window: 10);

        var after = SentPacket.Parse(wire.Sent);
        Assert.Equal(["0", "2", "3", "4", "5"], after.Select(packet => packet.Payload));
        Assert.Equal([true, true, true, false, false], after.Select(packet => packet.Dup));
        Assert.Equal([before[0].Id, before[2].Id, before[3].Id], after.Take(3).Select(packet => packet.Id));
        Assert.Equal(5, after.Select(packet => packet.Id).Distinct().Count());
    }

    [Fact]
    public void MessageBetweenAttachAndResume_DoesNotOvertakeWhatIsRedelivered()
    {
        var (session, connection) = Subscriber(window: 5);
        Publish("0", 1);
        ToSubscriber();
        session.Detach(connection, _kit.Time.GetUtcNow());
        var wire = new ScriptedTransport();
        var next = new MqttConnection(wire, _kit.Dispatcher, _kit.Metrics, _kit.Log, 1 << 20, 1000) { Session = session };

        Assert.True(session.Attach(next, 5, session.Epoch));
        Publish("1", 1);
        _kit.Do(session.Resume);

        Assert.Equal(["0", "1"], SentPacket.Parse(wire.Sent).Select(packet => packet.Payload));
    }

    [Fact]
    public void Qos2_WhoseIdCouldNotBeStored_IsSentWhenTheStoreWorksAgain()
    {
        var (session, connection) = Subscriber(window: 2);
        for (var i = 0; i < 4; i++)
        {
            Publish($"{i}", 2);
        }

        _kit.Store.Commit();
        var first = ToSubscriber();
        Assert.Equal(["0", "1"], first.Select(packet => packet.Payload));
        first.ForEach(packet => _kit.Receive(connection, EdgeKit.Ack(PacketType.PubRec, packet.Id)));
        _kit.Store.Commit();
        first.ForEach(packet => _kit.Receive(connection, EdgeKit.Ack(PacketType.PubComp, packet.Id)));
        _kit.Store.Fails = work => work is RowWork;
        _kit.Store.Commit();
        _kit.Store.Fails = _ => false;
        ToSubscriber();

        session.Detach(connection, _kit.Time.GetUtcNow());
        var wire = new ScriptedTransport();
        _kit.Connect(session, wire);
        _kit.Store.Commit();

        var sent = SentPacket.Parse(wire.Sent);
        Assert.Equal(["2", "3"], sent.Select(packet => packet.Payload));
        Assert.Equal(sent.Select(packet => packet.Id), _kit.Store.Rows(2).Select(row => row.PacketId));
    }

    [Fact]
    public void RefusedQos2_AtTheFrontOfTheQueue_DoesNotHoldUpWhatFollows()
    {
        var (session, connection) = Subscriber();
        Publish("0", 2);
        session.Detach(connection, _kit.Time.GetUtcNow());
        var wire = new ScriptedTransport();
        _kit.Connect(session, wire);
        Publish("1", 1);
        Assert.Empty(wire.Sent);

        _kit.Store.Fails = work => _kit.Store.Pending == 1;
        _kit.Store.Commit();

        Assert.Equal("1", Assert.Single(SentPacket.Parse(wire.Sent)).Payload);
    }

    [Fact]
    public void TooLargeForTheClient_DoesNotHoldUpWhatFollows()
    {
        var (_, connection) = Subscriber(window: 1);
        connection.MaximumPacketSize = 50;
        Publish(new string('x', 100), 2);
        Publish("small", 1);

        _kit.Store.Commit();

        Assert.Equal("small", Assert.Single(ToSubscriber()).Payload);
        Assert.Equal(2, ToPublisher().Count);
    }

    [Fact]
    public void Qos2Will_IsStoredBeforeItIsSent()
    {
        Subscriber();
        var will = new Chariot.Abstractions.Sessions.WillRecord("t/will"u8.ToArray(), "gone"u8.ToArray(), QualityOfService.ExactlyOnce, false);

        _kit.Do(batch => _kit.Router.PublishWill(will, _publisher.Session!, batch));

        Assert.Empty(ToSubscriber());
        _kit.Store.Commit();
        Assert.Equal("gone", Assert.Single(ToSubscriber()).Payload);
    }

    [Fact]
    public void SessionThatIsNoLongerDurable_DeliversWhatWasStoredAndThenWhatComes()
    {
        var session = Spilled(3, out var connection);
        session.SetExpiry(0);
        Publish("new", 1);
        Drain(session, connection, () => { });

        Assert.Equal(["0", "1", "2", "new"], _seen);
    }

    private readonly List<string> _seen = [];
    private int _toSubscriberFirstSend = EdgeKit.PublishPacket("t/a", "sending", 1, 1).Length;

    private (ClientSession Session, MqttConnection Connection) Subscriber(int window = 10)
    {
        var session = _kit.Session("s", 2, durable: true, All);
        return (session, _kit.Connect(session, _toSubscriber, window));
    }

    /// <summary>A session whose queue of some rows is in the store only, and whose client has just connected.</summary>
    private ClientSession Spilled(int rows, out MqttConnection connection)
    {
        var before = _kit.Session("s", 2, durable: true, All);
        for (var i = 0; i < rows; i++)
        {
            PublishPacing($"{i}", 1);
        }

        _kit.Store.Commit();
        foreach (var subscription in before.Subscriptions.Keys.ToList())
        {
            _kit.Sessions.Unsubscribe(before, subscription);
        }

        ToPublisher();
        var session = _kit.Restored("s", 2, All);
        connection = _kit.Connect(session, _toSubscriber, window: 2);
        return session;
    }

    /// <summary>Reads and acknowledges the three rows; then <paramref name="late"/>, and whatever is left.</summary>
    private void Drain(ClientSession session, MqttConnection connection, Action late)
    {
        var deadline = Environment.TickCount64 + 5000;
        while (_seen.Count < 3)
        {
            Assert.True(Environment.TickCount64 < deadline, $"only {_seen.Count} rows were delivered");
            _kit.Store.Commit();
            Take(connection);
            Thread.Yield();
        }

        late();
        do
        {
            _kit.Settle(session);
        }
        while (Take(connection));
        _kit.Settle(session);
    }

    private bool Take(MqttConnection connection)
    {
        var sent = ToSubscriber();
        foreach (var packet in sent)
        {
            _seen.Add(packet.Payload);
            _kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, packet.Id));
        }

        return sent.Count > 0;
    }

    private PublishJob Deliver(ClientSession session, long id, string payload)
    {
        var job = new PublishJob(_kit.Services, _kit.Message(id << 40, "t/a", payload, QualityOfService.AtLeastOnce), storesFirst: false, makeTicket: null);
        var target = new Chariot.Edge.Routing.Target(session);
        _kit.Do(batch => session.Deliver(job, target, QualityOfService.AtLeastOnce, retain: false, batch));
        return job;
    }

    private void Publish(string payload, int qos, string topic = "t/a") => _kit.Receive(_publisher, EdgeKit.PublishPacket(topic, payload, qos, ++_nextId));

    /// <summary>As <see cref="Publish"/>, through a publisher of its own, callable from any thread.</summary>
    private void PublishPacing(string payload, int qos)
    {
        var publisher = _kit.Connect(_kit.Session("q", 9, durable: false), new ScriptedTransport());
        _kit.Receive(publisher, EdgeKit.PublishPacket("t/a", payload, qos, 1));
    }

    private MqttConnection Connection(ClientSession session) =>
        new(new ScriptedTransport(), _kit.Dispatcher, _kit.Metrics, _kit.Log, 1 << 20, 1000) { Session = session };

    private List<SentPacket> ToPublisher() => SentPacket.Parse(_toPublisher.TakeSent());

    private List<SentPacket> ToSubscriber() => SentPacket.Parse(_toSubscriber.TakeSent());

    private static List<string> Payloads(IReadOnlyList<StoredDelivery> rows) => [.. rows.Select(row => System.Text.Encoding.UTF8.GetString(row.Message.Payload.Span))];
}
