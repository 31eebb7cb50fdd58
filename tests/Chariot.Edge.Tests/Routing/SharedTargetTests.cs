using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Routing;

/// <summary>Which member of a shared subscription gets a message.</summary>
public sealed class SharedTargetTests : IDisposable
{
    private readonly EdgeKit _kit = new();
    private readonly List<ClientSession> _members = [];
    private readonly List<MqttConnection> _connections = [];
    private readonly List<ScriptedTransport> _wires = [];

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(SharedSubscriptionStrategy.LeastLoaded)]
    [InlineData(SharedSubscriptionStrategy.RoundRobin)]
    public void IdleMembers_TakeTurns_WhateverTheTopics(SharedSubscriptionStrategy strategy)
    {
        Members(3, strategy);
        for (var i = 0; i < 30; i++)
        {
            // Each topic once: turns are those of the group, not of a topic.
            Publish($"a/{i}", qos: 0);
        }

        Assert.All(_wires, wire => Assert.Equal(10, SentPacket.Parse(wire.Sent).Count));
    }

    [Fact]
    public void LeastLoaded_GivesToTheMemberThatAcknowledges()
    {
        Members(3, SharedSubscriptionStrategy.LeastLoaded, window: 100);
        for (var i = 0; i < 60; i++)
        {
            Publish("a/x", qos: 1);
            Acknowledge(2);
        }

        Assert.InRange(_members[0].InflightCount, 1, 3);
        Assert.InRange(_members[1].InflightCount, 1, 3);
        Assert.Equal(0, _members[2].InflightCount);
    }

    [Theory]
    [InlineData(SharedSubscriptionStrategy.LeastLoaded)]
    [InlineData(SharedSubscriptionStrategy.RoundRobin)]
    [InlineData(SharedSubscriptionStrategy.Sticky)]
    public void MemberWithoutHeadroom_GetsNothing_WhileAnotherHasSome(SharedSubscriptionStrategy strategy)
    {
        Members(2, strategy, window: 5);
        for (var i = 0; i < 10; i++)
        {
            Publish("a/x", qos: 1);
        }

        Assert.Equal([5, 5], _members.Select(member => member.InflightCount));
        Assert.Equal([0, 0], _members.Select(member => member.WaitingCount));
    }

    [Fact]
    public void HashByTopic_KeepsATopicWithItsMember_AndMovesOnlyThoseOfTheOneThatGoes()
    {
        Members(4, SharedSubscriptionStrategy.HashByTopic);
        var before = Owners(i => Publish($"a/{i}", qos: 0));
        Assert.Equal(before, Owners(i => Publish($"a/{i}", qos: 0)));
        Assert.Equal(4, before.Distinct().Count());

        Drop(1);
        var after = Owners(i => Publish($"a/{i}", qos: 0));

        Assert.DoesNotContain(1, after);
        Assert.All(before.Zip(after), pair => Assert.True(pair.First == pair.Second || pair.First == 1));
    }

    [Fact]
    public void HashByClient_KeepsAPublisherWithItsMember()
    {
        Members(4, SharedSubscriptionStrategy.HashByClient);
        var publishers = Enumerable.Range(0, 40).Select(i => _kit.Connect(_kit.Session($"publisher {i}", 100 + i, false), new ScriptedTransport())).ToList();

        var first = Owners(i => _kit.Receive(publishers[i], EdgeKit.PublishPacket($"a/{i}", "m")));
        var second = Owners(i => _kit.Receive(publishers[i], EdgeKit.PublishPacket($"a/{i + 1}", "m")));

        Assert.Equal(first, second);
        Assert.Equal(4, first.Distinct().Count());
    }

    [Fact]
    public void Sticky_StaysWithOneMember_UntilItIsGone()
    {
        Members(3, SharedSubscriptionStrategy.Sticky);
        var owner = Assert.Single(Owners(i => Publish($"a/{i}", qos: 0)).Distinct());

        Drop(owner);

        var next = Assert.Single(Owners(i => Publish($"a/{i}", qos: 0)).Distinct());
        Assert.NotEqual(owner, next);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void PacketThatOneMemberDoesNotTake_GoesToAnother(int qos)
    {
        Members(3, SharedSubscriptionStrategy.RoundRobin);
        _connections[0].MaximumPacketSize = 30;
        _connections[1].MaximumPacketSize = 30;
        for (var i = 0; i < 6; i++)
        {
            Publish("a/x", qos, new string('x', 50));
        }

        _kit.Store.Commit();
        Assert.Empty(_wires[0].Sent);
        Assert.Empty(_wires[1].Sent);
        Assert.Equal(6, SentPacket.Parse(_wires[2].Sent).Count);
    }

    [Fact]
    public void DurableMemberThatIsAway_GetsNothingWhileOneIsThere_AndThenEverything()
    {
        Members(1, SharedSubscriptionStrategy.LeastLoaded, window: 2);
        var away = _kit.Session("away", 50, durable: true, Share);
        for (var i = 0; i < 5; i++)
        {
            Publish("a/x", qos: 1);
        }

        Assert.Equal(0, away.WaitingCount);
        Drop(0);
        _kit.Store.Commit();
        Assert.Equal(5, away.WaitingCount);
        Publish("a/x", qos: 1);
        Assert.Equal(6, away.WaitingCount);
    }

    private static SubscriptionRecord Share => new("$share/g/a/+", QualityOfService.ExactlyOnce);

    private void Members(int count, SharedSubscriptionStrategy strategy, int window = 10)
    {
        _kit.Routes.Sharing.Strategy = strategy;
        for (var i = 0; i < count; i++)
        {
            _wires.Add(new ScriptedTransport());
            _members.Add(_kit.Session($"member {i}", i + 1, false, Share));
            _connections.Add(_kit.Connect(_members[i], _wires[i], window));
        }
    }

    /// <summary>The member that got each of 40 messages.</summary>
    private List<int> Owners(Action<int> publish)
    {
        List<int> owners = [];
        for (var i = 0; i < 40; i++)
        {
            _wires.ForEach(wire => wire.TakeSent());
            publish(i);
            owners.Add(Assert.Single(Enumerable.Range(0, _wires.Count), member => _wires[member].Sent.Length > 0));
        }

        return owners;
    }

    private void Drop(int member)
    {
        Assert.True(_members[member].Detach(_connections[member], _kit.Time.GetUtcNow()));
        _kit.Remove(_members[member]);
    }

    private void Acknowledge(int member)
    {
        foreach (var packet in SentPacket.Parse(_wires[member].TakeSent()))
        {
            _kit.Receive(_connections[member], EdgeKit.Ack(PacketType.PubAck, packet.Id));
        }
    }

    private ushort _nextId;

    private void Publish(string topic, int qos, string payload = "m")
    {
        var publisher = _kit.Connect(_kit.Session("p", 99, false), new ScriptedTransport());
        _kit.Receive(publisher, EdgeKit.PublishPacket(topic, payload, qos, ++_nextId));
    }
}
