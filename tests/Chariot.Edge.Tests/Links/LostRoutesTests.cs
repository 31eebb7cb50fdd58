using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Tests.Links;

/// <summary>A silo dies, and nobody has adopted its sessions: who publishes to their filters waits, for those that can be adopted only.</summary>
public sealed class LostRoutesTests : IDisposable
{
    private readonly LinkNetwork _network = new(1);
    private readonly ClusterEdge _here;
    private readonly ClusterEdge _lost;
    private readonly SimulatedClient _publisher;

    public LostRoutesTests()
    {
        _here = _network.Start();
        _lost = _network.Start();
        Assert.True(_network.Drain());
        // There are no grains here, so that the adoption never ends.
        _here.Kit.Services.SharesStore = true;
        _publisher = _here.Connect("publisher", 1, durable: false);
    }

    public void Dispose() => _network.Dispose();

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public void APublisher_WaitsForTheAdoption_OnlyWhenADurableSessionMatches(int qos, bool durable)
    {
        Subscribe(2, durable);

        var underWay = _publisher.Publish("t/1", "under way", qos);
        _network.Kill(_lost);
        Assert.True(_network.Drain());
        var after = _publisher.Publish("t/1", "after", qos);
        Assert.True(_network.Drain());

        Assert.Equal((!durable, !durable), (_publisher.Acknowledged.Contains(underWay), _publisher.Acknowledged.Contains(after)));
    }

    [Fact]
    public void ARetainedMessage_ThatNoDurableSessionMatches_WaitsForNobody()
    {
        Subscribe(2, durable: true);

        var underWay = _publisher.Publish("other", "retained", 1, retain: true);
        _network.Kill(_lost);
        Assert.True(_network.Drain());

        Assert.Contains(underWay, _publisher.Acknowledged);
    }

    [Fact]
    public void AFilter_IsKept_WhileOneOfItsSubscribersIsDurable()
    {
        Subscribe(2, durable: false);
        Subscribe(3, durable: true);
        Subscribe(4, durable: true);
        Unsubscribe(3);
        _network.Kill(_lost);
        Assert.True(_network.Drain());

        Assert.DoesNotContain(_publisher.Publish("t/1", "kept", 1), Settled());
    }

    [Fact]
    public void AFilter_WhoseLastDurableSubscriberIsGone_IsNotKept()
    {
        Subscribe(2, durable: false);
        Subscribe(3, durable: true);
        Unsubscribe(3);
        _network.Kill(_lost);
        Assert.True(_network.Drain());

        Assert.Contains(_publisher.Publish("t/1", "dropped", 1), Settled());
    }

    private readonly Dictionary<long, SimulatedClient> _subscribers = [];

    private void Subscribe(long session, bool durable)
    {
        _subscribers[session] = _lost.Connect($"subscriber-{session}", session, durable);
        _lost.Kit.Sessions.Subscribe(_subscribers[session].Session, new SubscriptionRecord("t/+", QualityOfService.ExactlyOnce));
        Assert.True(_network.Drain());
    }

    private void Unsubscribe(long session)
    {
        _lost.Kit.Sessions.Unsubscribe(_subscribers[session].Session, "t/+");
        Assert.True(_network.Drain());
    }

    private HashSet<ushort> Settled()
    {
        Assert.True(_network.Drain());
        return _publisher.Acknowledged;
    }
}
