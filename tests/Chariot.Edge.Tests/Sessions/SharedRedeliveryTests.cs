using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Codec;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>Messages of a shared subscription whose member is lost (section 4.8.2).</summary>
public sealed class SharedRedeliveryTests : IDisposable
{
    private static readonly SubscriptionRecord Share = new("$share/g/t/#", QualityOfService.ExactlyOnce);
    private readonly EdgeKit _kit = new();
    private readonly ScriptedTransport _toPublisher = new();
    private readonly MqttConnection _publisher;
    private ushort _nextId;

    public SharedRedeliveryTests() => _publisher = _kit.Connect(_kit.Session("p", 90, durable: false), _toPublisher);

    public void Dispose() => _kit.Dispose();

    [Fact]
    public void UnacknowledgedQos1_OfATransientMember_GoesToAnother_WhenItsConnectionIsLost()
    {
        var first = Member("a", 1, durable: false, out var wire);
        Publish("0", 1);
        Publish("1", 1);
        Assert.Equal(["0", "1"], Payloads(wire));
        Member("b", 2, durable: false, out var other);

        Lose(first);

        Assert.Equal(["0", "1"], Payloads(other));
    }

    [Fact]
    public void SentQos2_OfAMemberThatIsLost_GoesToNobodyElse() // [MQTT-4.8.2-5]
    {
        var first = Member("a", 1, durable: false, out var wire, window: 1);
        Publish("sent", 2);
        Publish("waiting", 2);
        Assert.Equal(["sent"], Payloads(wire));
        Member("b", 2, durable: false, out var other);

        Lose(first);

        Assert.Equal(["waiting"], Payloads(other));
    }

    [Fact]
    public void SentQos2_OfADurableMember_IsCompletedWithIt() // [MQTT-4.8.2-4]
    {
        var first = Member("a", 1, durable: true, out var wire);
        Publish("m", 2);
        Commit();
        var sent = Assert.Single(SentPacket.Parse(wire.TakeSent()));
        Member("b", 2, durable: true, out var other);
        first.Session!.Detach(first, _kit.Time.GetUtcNow());
        first.Session.OfferWaiting();
        Commit(first.Session);
        Assert.Empty(other.Sent);

        var again = new ScriptedTransport();
        _kit.Connect(first.Session, again);
        Commit(first.Session);

        var resent = Assert.Single(SentPacket.Parse(again.TakeSent()));
        Assert.Equal((sent.Id, "m", true), (resent.Id, resent.Payload, resent.Dup));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void RefusedByItsMember_IsGivenToNobodyElse(int qos) // [MQTT-4.8.2-6]
    {
        var first = Member("a", 1, durable: false, out var wire, version: ProtocolVersion.V500);
        Publish("m", qos);
        wire.TakeSent();
        Member("b", 2, durable: false, out var other);

        _kit.Receive(first, Bytes.Packet((int)(qos == 1 ? PacketType.PubAck : PacketType.PubRec) << 4, 0, 1, (int)ReasonCode.QuotaExceeded));
        Lose(first);

        Assert.Empty(other.Sent);
        Assert.Equal(0, first.Session!.InflightCount);
    }

    [Fact]
    public void PublisherOfAMessageThatMoves_IsAcknowledgedWhenTheNextMemberHasIt()
    {
        var first = Member("a", 1, durable: true, out _);
        Publish("m", 1);
        Member("b", 2, durable: true, out var other);
        Assert.Empty(_toPublisher.Sent);

        _kit.Remove(first.Session!);
        Assert.Empty(_toPublisher.Sent);
        Commit();

        Assert.Equal([PacketType.PubAck], SentPacket.Parse(_toPublisher.TakeSent()).Select(packet => packet.Type));
        Assert.Equal(["m"], Payloads(other));
        Assert.Single(_kit.Store.Rows(2));
    }

    [Fact]
    public void StoredMessages_OfASessionThatEnds_GoToAnotherMember_AndAreInTheStoreAllTheTime()
    {
        var ended = _kit.Session("a", 1, durable: true, Share, new SubscriptionRecord("t/own", QualityOfService.AtLeastOnce));
        for (var i = 0; i < 10; i++)
        {
            Publish($"{i}", i % 2 + 1);
        }

        Publish("own", 1, "t/own");
        Commit();
        // Its own copy of "own", and the group's.
        Assert.Equal(12, _kit.Store.Rows(1).Count);
        var heir = _kit.Session("b", 2, durable: true, Share);

        _kit.Remove(ended);
        var deadline = Environment.TickCount64 + 10_000;
        while (_kit.Store.Rows(1).Count > 0)
        {
            Assert.True(Environment.TickCount64 < deadline, "the rows are not moved");
            _kit.Store.Commit(1);
            Assert.Equal(11, Stored(1).Union(Stored(2)).Count());
            Thread.Yield();
        }

        Commit();
        Assert.Equal(11, Stored(2).Distinct().Count());
        Assert.Equal(11, heir.WaitingCount);
        Connect(heir, out var wire);
        Assert.Equal(11, ReadAll(heir, wire).Distinct().Count());
    }

    [Fact]
    public void WhatWaits_GoesToOtherMembers_WhenOneUnsubscribes_AndWhatIsInFlightCompletes()
    {
        var first = Member("a", 1, durable: true, out var wire, window: 2);
        for (var i = 0; i < 6; i++)
        {
            Publish($"{i}", 1);
        }

        Commit();
        Assert.Equal(["0", "1"], Payloads(wire));
        Member("b", 2, durable: true, out var other);

        _kit.Sessions.Unsubscribe(first.Session!, Share.Filter);
        Commit(first.Session!);

        Assert.Equal(["2", "3", "4", "5"], Payloads(other));
        Assert.Equal(2, first.Session!.InflightCount);
        Assert.Equal(0, first.Session.WaitingCount);
        Assert.Equal(2, _kit.Store.Rows(1).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatWaitsWithMembersThatAreAway_IsFetchedByTheOneThatComes_AsItHasRoom(bool restarted)
    {
        var away = _kit.Session("a", 1, durable: true, Share);
        var comes = _kit.Session("b", 2, durable: true, Share);
        for (var i = 0; i < 60; i++)
        {
            Publish($"{i}", 1);
        }

        Commit();
        var kit = _kit;
        if (restarted)
        {
            kit = new EdgeKit(_kit.Store, _kit.Time);
            away = kit.Restored("a", 1, Share);
            comes = kit.Restored("b", 2, Share);
        }

        Assert.True(away.WaitingCount > 10 && comes.WaitingCount > 10);
        var wire = new ScriptedTransport();
        var connection = kit.Connect(comes, wire, window: 4);
        var seen = new List<string>();
        var deadline = Environment.TickCount64 + 20_000;
        while (seen.Distinct().Count() < 60)
        {
            Assert.True(Environment.TickCount64 < deadline, $"only {seen.Distinct().Count()} arrived");
            kit.Store.Commit();
            Assert.InRange(comes.InflightCount, 0, 4);
            foreach (var packet in SentPacket.Parse(wire.TakeSent()))
            {
                seen.Add(packet.Payload);
                kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, packet.Id));
            }

            Thread.Yield();
        }

        kit.Settle(away, comes);
        Assert.Equal(60, seen.Count);
        Assert.Empty(kit.Store.Rows(1));
        Assert.Empty(kit.Store.Rows(2));
    }

    [Fact]
    public async Task RowsOfASessionThatIsNoMore_AreFoundAtTheStart()
    {
        _kit.Session("a", 1, durable: true, Share);
        Publish("0", 1);
        Publish("1", 2);
        Commit();
        // The process died when the session had ended and nothing was moved yet.
        using var kit = new EdgeKit(_kit.Store, _kit.Time);
        var heir = kit.Restored("b", 2, Share);

        var moved = kit.Services.Redelivery.MoveRowsThenDeleteAsync(1, ended: null);
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                kit.Store.Commit();
                return moved.IsCompleted;
            },
            10_000));
        await moved;
        kit.Store.Commit();

        Assert.Empty(kit.Store.Rows(1));
        Assert.Equal(2, heir.WaitingCount);
        Assert.Equal(2, kit.Store.Rows(2).Count);
    }

    [Fact]
    public void MoveThatTheStoreRefuses_IsStillDelivered()
    {
        var first = Member("a", 1, durable: false, out _);
        Publish("m", 1);
        Member("b", 2, durable: true, out var other);
        _kit.Store.Fails = _ => true;

        Lose(first);
        _kit.Store.Commit();

        Assert.Equal(["m"], Payloads(other));
    }

    [Fact]
    public void MarkOfTheGroup_IsNoSubscriptionIdentifier()
    {
        var record = Share with { SubscriptionIdentifier = 7 };
        _kit.Session("a", 1, durable: true, record);
        Publish("m", 1);
        Commit();
        Assert.Equal(2, Assert.Single(_kit.Store.Rows(1)).SubscriptionIdentifiers.Length);
        using var kit = new EdgeKit(_kit.Store, _kit.Time);
        var session = kit.Restored("a", 1, record);

        var wire = new ScriptedTransport();
        kit.Connect(session, wire, version: ProtocolVersion.V500);
        kit.Settle(session);

        // Topic, packet id, then the one property: 0x0B 7.
        var sent = wire.Sent;
        Assert.Equal([2, 0x0B, 7], sent[(2 + 2 + 3 + 2)..(2 + 2 + 3 + 2 + 3)]);
    }

    private MqttConnection Member(string clientId, long id, bool durable, out ScriptedTransport wire, int window = 10, ProtocolVersion version = ProtocolVersion.V311)
    {
        wire = new ScriptedTransport();
        return _kit.Connect(_kit.Session(clientId, id, durable, Share), wire, window, version);
    }

    private void Connect(ClientSession session, out ScriptedTransport wire) => _kit.Connect(session, wire = new ScriptedTransport(), window: 100);

    /// <summary>The connection of a session that ends with it.</summary>
    private void Lose(MqttConnection connection)
    {
        connection.Session!.Detach(connection, _kit.Time.GetUtcNow());
        _kit.Remove(connection.Session);
    }

    private List<string> ReadAll(ClientSession session, ScriptedTransport wire)
    {
        var seen = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            _kit.Settle(session);
            seen.AddRange(Payloads(wire));
        }

        return seen;
    }

    private void Commit(params ClientSession[] sessions)
    {
        // What moves does so on other threads, which wait for the store.
        for (var quiet = 0; quiet < 200; quiet++)
        {
            if (_kit.Store.Pending > 0)
            {
                quiet = 0;
            }

            _kit.Settle(sessions);
            Thread.Yield();
        }
    }

    private void Publish(string payload, int qos, string topic = "t/a") => _kit.Receive(_publisher, EdgeKit.PublishPacket(topic, payload, qos, ++_nextId));

    private IEnumerable<string> Stored(long session) => _kit.Store.Rows(session).Where(row => row.SubscriptionIdentifiers.Length > 0).Select(row => System.Text.Encoding.UTF8.GetString(row.Message.Payload.Span));

    private static List<string> Payloads(ScriptedTransport wire) => [.. SentPacket.Parse(wire.TakeSent()).Where(packet => packet.Type == PacketType.Publish).Select(packet => packet.Payload)];
}
