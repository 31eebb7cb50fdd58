using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>A QoS 2 publish to a session that is on its way to the publisher's own edge.</summary>
public sealed class ArrivingExactlyOnceTests : IDisposable
{
    private const long Arriving = 7;
    private static readonly SubscriptionRecord All = new("t/#", QualityOfService.ExactlyOnce);

    private readonly EdgeKit _kit = new();
    private readonly ScriptedTransport _wire = new();
    private readonly ClientSession _arriving;

    public ArrivingExactlyOnceTests()
    {
        _arriving = _kit.Session("arriving", Arriving, durable: true);
        _arriving.BeginArrival();
    }

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData("t/#")]
    [InlineData("$share/group/t/#")]
    public void ItsPacketId_IsCommittedWithTheRowOfTheSession(string filter)
    {
        _kit.Sessions.Subscribe(_arriving, All with { Filter = filter });
        var publisher = _kit.Session("publisher", 1, durable: true);
        var connection = _kit.Connect(publisher, _wire);

        _kit.Receive(connection, EdgeKit.PublishPacket("t/1", "first", qos: 2, id: 3));
        _kit.Receive(connection, EdgeKit.PublishPacket("t/2", "second", qos: 2, id: 4));
        _kit.Settle();
        Assert.Empty(_kit.Store.Inbound(1));
        Assert.Empty(_wire.TakeSent());

        _kit.Do(batch => _arriving.Arrive(new(Arriving, 0, 0, 0, [], []), 5, batch));
        Assert.Empty(_wire.TakeSent());
        _kit.Store.Commit(1);
        Assert.Equal((1, 1), (_kit.Store.Rows(Arriving).Count, _kit.Store.Inbound(1).Count));
        _kit.Settle();

        Assert.Equal([(PacketType.PubRec, (ushort)3), (PacketType.PubRec, (ushort)4)], SentPacket.Parse(_wire.TakeSent()).Select(packet => (packet.Type, packet.Id)));
        Assert.Equal(2, _kit.Store.Rows(Arriving).Count);
    }

    /// <summary>Its subscriptions go with it.</summary>
    [Fact]
    public void ASessionThatEndsOnItsWay_IsNotWaitedFor()
    {
        _kit.Sessions.Subscribe(_arriving, All);
        var connection = _kit.Connect(_kit.Session("publisher", 1, durable: true), _wire);
        _kit.Receive(connection, EdgeKit.PublishPacket("t/1", "m", qos: 2, id: 3));

        _kit.Remove(_arriving);
        _kit.Settle();

        Assert.Equal(PacketType.PubRec, Assert.Single(SentPacket.Parse(_wire.TakeSent())).Type);
    }
}
