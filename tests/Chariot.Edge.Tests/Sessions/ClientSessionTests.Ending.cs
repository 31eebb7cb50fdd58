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

/// <summary>What is taken back, refused, or ends.</summary>
public sealed partial class ClientSessionTests
{
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
}
