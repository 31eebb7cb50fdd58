using System.Text;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Codec;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Connections;

/// <summary>Outbound topic aliases, as a client resolves them: one that it cannot resolve would end its connection.</summary>
public sealed class TopicAliasTests : IDisposable
{
    private readonly EdgeKit _kit = new();
    private readonly ScriptedTransport _wire = new();
    private readonly MqttConnection _publisher;
    private readonly Dictionary<int, string> _aliases = [];
    private int _shortened;

    public TopicAliasTests() => _publisher = _kit.Connect(_kit.Session("p", 1, false), new ScriptedTransport(), version: ProtocolVersion.V500);

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Topic_SentRepeatedly_IsShortenedFromTheThirdTime(int qos)
    {
        Subscriber(maximum: 2);
        for (var i = 0; i < 4; i++)
        {
            Publish("topic/one", $"{i}", qos);
        }

        Assert.Equal([("topic/one", "0"), ("topic/one", "1"), ("topic/one", "2"), ("topic/one", "3")], Read());
        Assert.Equal(2, _shortened);
        Assert.Equal([1], _aliases.Keys);
    }

    [Fact]
    public void Aliases_AreNeverMoreThanTheClientTakes_AndStayWithTheFirst()
    {
        Subscriber(maximum: 2);
        for (var round = 0; round < 5; round++)
        {
            for (var topic = 0; topic < 6; topic++)
            {
                Publish($"topic/{topic}", "m");
            }
        }

        Assert.Equal(30, Read().Count);
        Assert.InRange(_aliases.Count, 1, 2);
        Assert.All(_aliases.Keys, alias => Assert.InRange(alias, 1, 2));
    }

    [Fact]
    public void ClientWithoutAliases_GetsNone()
    {
        Subscriber(maximum: 0);
        for (var i = 0; i < 5; i++)
        {
            Publish("topic/one", "m");
        }

        Assert.Equal(5, Read().Count);
        Assert.Empty(_aliases);
    }

    [Fact]
    public void AliasWhoseFirstMessageWasDropped_IsIntroducedAgain()
    {
        var subscriber = Subscriber(maximum: 2);
        Publish("topic/one", "0");
        Read();
        subscriber.Outbound.MaximumBytes = 10;
        Publish("topic/one", "dropped");
        subscriber.Outbound.MaximumBytes = 1000;
        Publish("topic/one", "2");
        Publish("topic/one", "3");

        Assert.Equal(["2", "3"], Read().Select(message => message.Payload));
        Assert.Equal(1, _shortened);
    }

    [Fact]
    public void AliasThatMakesAPacketTooLarge_IsLeftOut_AndAShortenedOneMayFit()
    {
        var subscriber = Subscriber(maximum: 2);
        var plain = PublishPacket("topic/one", "mmm").Length;
        subscriber.MaximumPacketSize = plain;
        Publish("topic/one", "mmm");
        Publish("topic/one", "mmm");
        Publish("topic/one", "m");
        Assert.Equal(["mmm", "mmm"], Read().Take(2).Select(message => message.Payload));
        Assert.Empty(_aliases);
        subscriber.MaximumPacketSize = plain + 3;
        Publish("topic/one", "mmm");
        Publish("topic/one", "mmmmmmmm");

        Assert.Equal(["mmm", "mmmmmmmm"], Read().Select(message => message.Payload));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void PurgedMessages_TakeTheirAliasesWithThem(int qos)
    {
        var held = new TaskCompletionSource<int>();
        var subscriber = Subscriber(maximum: 4);
        Publish("topic/kept", "0", qos);
        Publish("topic/gone", "0", qos);
        Read();
        // The first packet is with the transport, the others wait behind it.
        _wire.OnSend = bytes => new ValueTask<int>(WaitAsync(held.Task, bytes.Length));
        Publish("topic/kept", "1", qos);
        Publish("topic/gone", "1", qos);
        Publish("topic/kept", "2", qos);
        Publish("topic/gone", "2", qos);

        _kit.Do(batch => subscriber.Session!.Purge(topic => topic.SequenceEqual("topic/gone"u8), batch));
        Publish("topic/gone", "3", qos);
        Publish("topic/gone", "4", qos);
        _wire.OnSend = null;
        held.SetResult(0);
        Assert.True(SpinWait.SpinUntil(() => subscriber.Outbound.StalledFor(Environment.TickCount64) == 0 && subscriber.Outbound.WaitingBytes == 0, 10_000));

        Assert.Equal([("topic/kept", "1"), ("topic/kept", "2"), ("topic/gone", "3"), ("topic/gone", "4")], Read());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void WhateverIsDroppedOrPurged_TheClientResolvesEveryTopic(int seed)
    {
        var random = new Random(seed);
        var subscriber = Subscriber(maximum: 5);
        subscriber.Outbound.MaximumBytes = 400;
        var gate = new TaskCompletionSource<int>();
        for (var i = 0; i < 3000; i++)
        {
            switch (random.Next(12))
            {
                case 0 when _wire.OnSend is null:
                    gate = new TaskCompletionSource<int>();
                    var held = gate;
                    _wire.OnSend = bytes => new ValueTask<int>(WaitAsync(held.Task, bytes.Length));
                    break;
                case 1:
                    _wire.OnSend = null;
                    gate.TrySetResult(0);
                    break;
                case 2 when random.Next(4) == 0:
                    var denied = Encoding.UTF8.GetBytes($"topic/{random.Next(9)}");
                    _kit.Do(batch => subscriber.Session!.Purge(topic => topic.SequenceEqual(denied), batch));
                    break;
                case 3:
                    subscriber.MaximumPacketSize = random.Next(3) == 0 ? random.Next(10, 60) : 1000;
                    break;
                default:
                    var name = $"topic/{random.Next(9)}";
                    Publish(name, name + new string('x', random.Next(40)));
                    break;
            }
        }

        _wire.OnSend = null;
        gate.TrySetResult(0);
        Assert.True(SpinWait.SpinUntil(() => subscriber.Outbound.StalledFor(Environment.TickCount64) == 0, 30_000));

        var read = Read();
        Assert.InRange(read.Count, 200, 3000);
        Assert.InRange(_shortened, 50, 3000);
        Assert.All(read, message => Assert.StartsWith(message.Topic, message.Payload));
    }

    private static async Task<int> WaitAsync(Task<int> held, int length) => await held + length;

    private MqttConnection Subscriber(int maximum)
    {
        var session = _kit.Session("s", 2, false, new SubscriptionRecord("#", QualityOfService.AtLeastOnce));
        var connection = _kit.Connect(session, _wire, version: ProtocolVersion.V500);
        connection.Outbound.Aliases = TopicAliases.Create(maximum);
        return connection;
    }

    private static byte[] PublishPacket(string topic, string payload) => Bytes.Packet(0x30, topic, 0, Encoding.UTF8.GetBytes(payload));

    private void Publish(string topic, string payload, int qos = 0) => _kit.Receive(
        _publisher,
        qos == 0 ? PublishPacket(topic, payload) : Bytes.Packet(0x32, topic, 0, 7, 0, Encoding.UTF8.GetBytes(payload)));

    /// <summary>Topic and payload of what was sent, resolved as a client does it.</summary>
    private List<(string Topic, string Payload)> Read()
    {
        var messages = new List<(string, string)>();
        ReadOnlySpan<byte> rest = _wire.TakeSent();
        while (!rest.IsEmpty)
        {
            PacketFraming.TryReadHeader(rest, int.MaxValue, true, out var header, out var headerLength, out var remaining);
            Assert.Equal(ReasonCodeSuccess, PublishReader.TryRead(header, rest.Slice(headerLength, remaining), ProtocolVersion.V500, out var view));
            var topic = Encoding.UTF8.GetString(view.Topic);
            if (view.TopicAlias != 0)
            {
                if (topic.Length > 0)
                {
                    _aliases[view.TopicAlias] = topic;
                }
                else
                {
                    Assert.True(_aliases.TryGetValue(view.TopicAlias, out topic), $"alias {view.TopicAlias} was never introduced");
                    _shortened++;
                }
            }

            messages.Add((topic!, Encoding.UTF8.GetString(view.Payload)));
            rest = rest[(headerLength + remaining)..];
        }

        return messages;
    }

    private const Chariot.Abstractions.ReasonCode ReasonCodeSuccess = Chariot.Abstractions.ReasonCode.Success;
}
