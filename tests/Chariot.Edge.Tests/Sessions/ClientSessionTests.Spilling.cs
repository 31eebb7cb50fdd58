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

/// <summary>What does not fit in memory waits in the store.</summary>
public sealed partial class ClientSessionTests
{
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
}
