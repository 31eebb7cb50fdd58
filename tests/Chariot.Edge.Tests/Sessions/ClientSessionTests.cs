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
public sealed class ClientSessionTests : IDisposable
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
    public void Spill_LoadsBackInOrder_WithArrivalsDuringTheLoad()
    {
        var session = _kit.Session("s", 2, durable: true, All);
        for (var i = 0; i < 1600; i++)
        {
            PublishPacing($"{i}", 1 + (i % 2));
        }

        _kit.Store.Commit();
        var arrivals = 1600;
        _kit.Store.AfterRead = () =>
        {
            if (arrivals < 1650)
            {
                for (var i = 0; i < 10; i++)
                {
                    PublishPacing($"{arrivals++}", 1);
                }
            }
        };
        var connection = _kit.Connect(session, _toSubscriber, window: 50);
        var seen = new List<string>();
        for (var quiet = 0; quiet < 3;)
        {
            _kit.Settle(session);
            var sent = ToSubscriber();
            quiet = sent.Count == 0 ? quiet + 1 : 0;
            foreach (var packet in sent)
            {
                if (packet.Type == PacketType.Publish)
                {
                    seen.Add(packet.Payload);
                }

                _kit.Receive(connection, EdgeKit.Ack(packet.Type == PacketType.PubRel ? PacketType.PubComp : packet.Qos == 2 ? PacketType.PubRec : PacketType.PubAck, packet.Id));
            }
        }

        // One publisher's order holds per QoS: a QoS 2 copy waits for the commit of its packet id.
        var numbers = seen.Select(text => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(Enumerable.Range(0, 1600).Where(i => i % 2 == 1), numbers.Where(i => i < 1600 && i % 2 == 1));
        Assert.Equal(Enumerable.Range(0, 1650).Where(i => i >= 1600 || i % 2 == 0), numbers.Where(i => i >= 1600 || i % 2 == 0));
        Assert.Equal(0, session.WaitingCount);
        Assert.Empty(_kit.Store.Rows(2));
        // All of it was read: the session sends at once again.
        Publish("last", 1);
        Assert.Equal("last", Assert.Single(ToSubscriber()).Payload);
    }

    [Fact]
    public void Spill_ARowThatIsSubmittedAfterItsSuccessors_IsStillDelivered()
    {
        var session = Spilled(3, out var connection);
        var late = Deliver(session, 100, "late");
        Deliver(session, 101, "early").Submit();
        Drain(session, connection, () => late.Submit());

        Assert.Equal(["0", "1", "2", "late", "early"], _seen);
        Assert.Empty(_kit.Store.Rows(2));
    }

    [Fact]
    public void Spill_ARowThatIsSubmittedAfterTheLastLoad_IsStillDelivered()
    {
        var session = Spilled(3, out var connection);
        var late = Deliver(session, 100, "late");
        Drain(session, connection, () => late.Submit());

        Assert.Equal(["0", "1", "2", "late"], _seen);
    }

    [Fact]
    public void Spill_ARowThatTheStoreRefuses_HoldsNothingUp_AndIsNotCounted()
    {
        var session = Spilled(3, out var connection);
        _kit.Store.Fails = work => work is DeliveryWork;
        Publish("refused", 1);
        _kit.Store.Commit();
        _kit.Store.Fails = _ => false;
        Drain(session, connection, () => { });

        Assert.Equal(["0", "1", "2"], _seen);
        Assert.Equal(0, session.WaitingCount);
        Publish("next", 1);
        Assert.Equal("next", Assert.Single(ToSubscriber()).Payload);
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

    [Fact]
    public void Purge_RemovesWaitingCopies_StoredCopies_AndThoseBeingRead()
    {
        _kit.Services.Limits = new MqttLimits { MaximumInflight = 2000 };
        var session = _kit.Session("s", 2, durable: true, All);
        for (var i = 0; i < 1300; i++)
        {
            PublishPacing($"{i}", 1);
        }

        _kit.Store.Commit();
        var purged = 0;
        Task? stored = null;
        _kit.Store.AfterRead = () =>
        {
            // The configuration changes after rows have been read and before they are in the queue.
            if (Interlocked.Exchange(ref purged, 1) == 0)
            {
                session.Access = new ClientAccess(AccessControlList.Nothing);
                _kit.Do(batch => session.Purge(_ => true, batch));
                stored = session.PurgeStoredAsync(_ => true);
                ToSubscriber();
            }
        };
        var connection = _kit.Connect(session, _toSubscriber, window: 2000);
        foreach (var packet in ToSubscriber())
        {
            _kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, packet.Id));
        }

        _kit.Settle(session);
        Assert.True(SpinWait.SpinUntil(() => { _kit.Store.Commit(); return stored is { IsCompleted: true }; }, 5000));
        _kit.Settle(session);

        Assert.Empty(ToSubscriber());
        Assert.Empty(_kit.Store.Rows(2));
        Assert.Equal(0, session.WaitingCount);
    }

    [Fact]
    public void Purge_OfUnsentCopies_FreesTheWindowAndCompletesTheirPublishers()
    {
        var stuck = new TaskCompletionSource<int>();
        _toSubscriber.OnSend = bytes => stuck.Task.IsCompleted ? new(bytes.Length) : new(stuck.Task);
        var (session, _) = Subscriber(window: 3);
        Publish("sending", 1);
        Publish("a", 1, "t/no");
        Publish("b", 1, "t/yes");
        Publish("c", 1, "t/no");
        Publish("d", 1, "t/yes");
        _kit.Store.Commit();
        ToPublisher();

        _kit.Do(batch => session.Purge(topic => topic.SequenceEqual("t/no"u8), batch));
        stuck.SetResult(_toSubscriberFirstSend);
        _kit.Store.Commit();

        Assert.DoesNotContain(_kit.Store.Rows(2), row => row.Message.Topic.Span.SequenceEqual("t/no"u8));
        Assert.Equal(3, session.InflightCount);
        Assert.Equal(0, session.WaitingCount);
    }

    [Fact]
    public void End_CompletesWaitingPublishers_DeletesRows_AndTakesNothingMore()
    {
        var (session, _) = Subscriber(window: 1);
        Publish("0", 1);
        Publish("1", 1);
        Assert.Empty(ToPublisher());

        _kit.Do(session.End);
        Assert.Equal(2, ToPublisher().Count);
        _kit.Store.Commit();
        Publish("2", 1);
        _kit.Store.Commit();

        Assert.Single(ToPublisher());
        Assert.Empty(_kit.Store.Rows(2));
    }

    [Fact]
    public void QuotaOfADurableQueue_IsToldToThePublisher_NotAcknowledged()
    {
        _kit.Services.Limits = new MqttLimits { MaximumDurableQueueBytes = 22 };
        _kit.Session("s", 2, durable: true, All);
        Publish(new string('x', 18), 1);
        _kit.Store.Commit();
        Assert.Single(ToPublisher());

        Publish("y", 1);
        _kit.Store.Commit();

        Assert.Empty(ToPublisher());
        Assert.Single(_kit.Store.Rows(2));
    }

    [Fact]
    public void Qos2_RefusedForOneTarget_ReachesNoneOfTheOthers_AndIsNotRetained()
    {
        _kit.Services.Limits = new MqttLimits { MaximumDurableQueueBytes = 30 };
        var (full, _) = Subscriber(window: 1);
        Publish(new string('x', 25), 2);
        _kit.Store.Commit();
        Assert.Equal(1, full.InflightCount);
        Publish("waiting", 2);
        Publish("waiting", 2);
        _kit.Store.Commit();
        ToPublisher();
        var wires = new[] { new ScriptedTransport(), new ScriptedTransport() };
        _kit.Connect(_kit.Session("durable", 3, durable: true, All), wires[0]);
        _kit.Connect(_kit.Session("transient", 4, durable: false, All), wires[1]);
        var before = _kit.Metrics.MessagesDelivered;

        _kit.Receive(_publisher, Chariot.Edge.Tests.Codec.Bytes.Packet(0x35, "t/a", 0, 99, System.Text.Encoding.UTF8.GetBytes(new string('y', 20))));
        _kit.Store.Commit();

        Assert.All(wires, wire => Assert.Empty(wire.Sent));
        Assert.Empty(_kit.Store.Rows(3));
        Assert.Empty(ToPublisher());
        Assert.Equal(before, _kit.Metrics.MessagesDelivered);
        Assert.Null(_kit.RetainedMessages.Get("t/a"u8));
    }

    [Fact]
    public void PacketIdsOfStoredQos2_BeyondTheFirstPage_AreNotGivenAway()
    {
        const int Window = 400;
        _kit.Services.Limits = new MqttLimits { MaximumInflight = Window };
        var session = _kit.Session("s", 2, durable: true, All);
        var connection = _kit.Connect(session, _toSubscriber, Window);
        // Acknowledged down to gaps: QoS 1 rows without an id in front, QoS 2 rows with low ids behind them.
        for (var i = 0; i < Window; i++)
        {
            Publish($"{i}", i < 300 ? 1 : 2);
        }

        session.PersistUnacknowledged(long.MaxValue);
        _kit.Store.Commit();
        var ids = _kit.Store.Rows(2).Where(row => row.PacketId != 0).Select(row => row.PacketId).ToHashSet();
        Assert.Equal(100, ids.Count);
        Assert.DoesNotContain(_kit.Store.Rows(2).Take(256), row => row.PacketId != 0);
        using var kit = new EdgeKit(_kit.Store, _kit.Time);
        kit.Services.Limits = _kit.Services.Limits;
        var restored = kit.Restored("s", 2, All);
        var wire = new ScriptedTransport();
        kit.Connect(restored, wire, Window);
        kit.Settle(restored);

        var sent = SentPacket.Parse(wire.Sent);
        Assert.Equal(Window, sent.Select(packet => packet.Id).Distinct().Count());
        Assert.Equal(ids, sent.Where(packet => packet.Qos == 2).Select(packet => packet.Id).ToHashSet());
        Assert.True(connection.Outbound.BytesSent > 0);
    }

    [Fact]
    public void RefusedQos2OfADurablePublisher_LeavesNoInboundIdBehind()
    {
        _kit.Services.Limits = new MqttLimits { MaximumDurableQueueBytes = 2 };
        _kit.Session("s", 2, durable: true, All);
        var wire = new ScriptedTransport();
        var durable = _kit.Session("d", 7, durable: true);
        var publisher = _kit.Connect(durable, wire);

        _kit.Receive(publisher, EdgeKit.PublishPacket("t/a", "mmmmmmm", 2, 5));
        _kit.Store.Commit();

        Assert.Empty(wire.Sent);
        Assert.Equal(0, durable.InboundCount);
        Assert.Empty(_kit.Store.Inbound(7));
    }

    [Fact]
    public void RetransmittedQos2_WhoseRightIsGone_IsAnsweredAsTheOneThatWasTaken()
    {
        _kit.Receive(_publisher, EdgeKit.PublishPacket("t/a", "m", 2, 5));
        _publisher.Version = ProtocolVersion.V500;
        _toPublisher.TakeSent();
        _publisher.Session!.Access = ClientAccess.Nothing;

        _kit.Receive(_publisher, Chariot.Edge.Tests.Codec.Bytes.Packet(0x3C, "t/a", 0, 5, 0, "m"u8.ToArray()));

        Assert.Equal([0x50, 2, 0, 5], _toPublisher.TakeSent());
    }

    [Fact]
    public void OfTwoConnections_TheOneOfTheLaterConnectKeepsTheSession_InWhateverOrderTheyCome()
    {
        foreach (var laterFirst in new[] { true, false })
        {
            var session = _kit.Session("s", 2, durable: true);
            var (earlier, later) = (Connection(session), Connection(session));
            if (laterFirst)
            {
                Assert.True(session.Attach(later, 10, epoch: 2));
                Assert.False(session.Attach(earlier, 10, epoch: 1));
            }
            else
            {
                Assert.True(session.Attach(earlier, 10, epoch: 1));
                Assert.True(session.Attach(later, 10, epoch: 2));
                Assert.Equal(ReasonCode.SessionTakenOver, earlier.CloseReason);
            }

            Assert.Same(later, session.Connection);
            Assert.Null(later.CloseReason);
        }
    }

    [Fact]
    public void ConnectionOnASessionThatEnds_IsClosed_AndNoneCanComeAfterwards()
    {
        var (session, connection) = Subscriber();

        _kit.Do(session.End);

        Assert.Equal(ReasonCode.SessionTakenOver, connection.CloseReason);
        Assert.False(session.Attach(Connection(session), 10, epoch: 9));
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
