using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>
/// One publisher and one durable subscriber, both correct 3.1.1 clients with clean session 0, over an edge that loses
/// connections and dies at random. Random steps in random order, then everything drains.
/// </summary>
public class SessionSimulationTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void NothingAcknowledgedIsLost_ExactlyOnceIsOnce_OrderIsKept(int block)
    {
        for (var seed = block * 40; seed < (block + 1) * 40; seed++)
        {
            using var simulation = new Simulation(seed);
            simulation.Run();
        }
    }

    private sealed class Simulation : IDisposable
    {
        private const long PublisherId = 1;
        private const long SubscriberId = 2;
        private static readonly SubscriptionRecord All = new("t/#", QualityOfService.ExactlyOnce);

        private readonly int _seed;
        private readonly Random _random;
        private readonly FakeMessageStore _store = new();
        private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
        private EdgeKit _kit;
        private ClientSession _publisher = null!;
        private ClientSession _subscriber = null!;
        private MqttConnection? _publisherConnection;
        private MqttConnection? _subscriberConnection;
        private ScriptedTransport _toPublisher = new();
        private ScriptedTransport _toSubscriber = new();

        // The publisher: what it has not been acknowledged, in order; Released once PUBREC came.
        private readonly List<(ushort Id, int Number, int Qos, bool Released)> _unacknowledged = [];
        private readonly HashSet<int> _acknowledged = [];
        private ushort _nextId;
        private int _nextNumber;

        // The subscriber: what it has got and not looked at, ids it holds for QoS 2, what its application saw.
        private readonly Queue<SentPacket> _arrived = new();
        private readonly HashSet<ushort> _held = [];
        private readonly List<(int Number, int Qos)> _seen = [];
        private readonly List<string> _log = [];

        public Simulation(int seed)
        {
            _seed = seed;
            _random = new Random(seed);
            _kit = new EdgeKit(_store, _time);
            Restore();
        }

        public void Dispose() => _kit.Dispose();

        public void Run()
        {
            var steps = _random.Next(20, 250);
            for (var i = 0; i < steps; i++)
            {
                Step();
            }

            Drain();
            Check();
        }

        private void Step()
        {
            switch (_random.Next(22))
            {
                case < 7:
                    Publish();
                    break;
                case < 11:
                    SubscriberReads();
                    break;
                case < 13:
                    PublisherReads();
                    break;
                case < 16:
                    Log("commit");
                    _store.Commit(_random.Next(1, 4));
                    WaitForLoads();
                    break;
                case 16:
                    Log("persist");
                    _subscriber.PersistUnacknowledged(long.MaxValue);
                    break;
                case 17:
                    DropSubscriber();
                    break;
                case 18:
                    ConnectSubscriber();
                    break;
                case 19:
                    DropPublisher();
                    ConnectPublisher();
                    break;
                case 20 when _random.Next(4) == 0:
                    Crash();
                    break;
            }
        }

        private void Publish()
        {
            if (_publisherConnection is null || _unacknowledged.Count >= 20)
            {
                return;
            }

            _nextId = (ushort)((_nextId % 40) + 1);
            while (_unacknowledged.Any(one => one.Id == _nextId))
            {
                _nextId = (ushort)((_nextId % 40) + 1);
            }

            var message = (_nextId, _nextNumber++, _random.Next(1, 3), false);
            _unacknowledged.Add(message);
            Send(message, dup: false);
        }

        private void Send((ushort Id, int Number, int Qos, bool Released) message, bool dup)
        {
            Log($"publish {message.Number} qos {message.Qos} id {message.Id}{(dup ? " dup" : "")}");
            _kit.Receive(_publisherConnection!, message.Released
                ? EdgeKit.Ack(PacketType.PubRel, message.Id)
                : EdgeKit.PublishPacket("t/x", $"{message.Number}", message.Qos, message.Id, dup));
        }

        private void PublisherReads()
        {
            foreach (var packet in SentPacket.Parse(_toPublisher.TakeSent()))
            {
                var at = _unacknowledged.FindIndex(one => one.Id == packet.Id);
                Log($"to publisher {packet}");
                switch (packet.Type)
                {
                    case PacketType.PubAck when at >= 0 && _unacknowledged[at].Qos == 1:
                    case PacketType.PubComp when at >= 0 && _unacknowledged[at].Released:
                        _acknowledged.Add(_unacknowledged[at].Number);
                        _unacknowledged.RemoveAt(at);
                        break;
                    case PacketType.PubRec when at >= 0 && _unacknowledged[at].Qos == 2:
                        _unacknowledged[at] = _unacknowledged[at] with { Released = true };
                        _kit.Receive(_publisherConnection!, EdgeKit.Ack(PacketType.PubRel, packet.Id));
                        break;
                    case PacketType.PubAck:
                        Assert.Fail($"{Where}: PUBACK {packet.Id} for nothing");
                        break;
                }
            }
        }

        private void SubscriberReads()
        {
            Arrive();
            for (var i = _random.Next(1, 5); i > 0 && _arrived.TryDequeue(out var packet); i--)
            {
                Log($"to subscriber {packet}");
                switch (packet.Type)
                {
                    case PacketType.Publish when packet.Qos == 1:
                        _seen.Add((int.Parse(packet.Payload, System.Globalization.CultureInfo.InvariantCulture), 1));
                        Answer(PacketType.PubAck, packet.Id);
                        break;
                    case PacketType.Publish:
                        if (_held.Add(packet.Id))
                        {
                            _seen.Add((int.Parse(packet.Payload, System.Globalization.CultureInfo.InvariantCulture), 2));
                        }

                        AssertStored(packet);
                        Answer(PacketType.PubRec, packet.Id);
                        break;
                    case PacketType.PubRel:
                        _held.Remove(packet.Id);
                        Answer(PacketType.PubComp, packet.Id);
                        break;
                }
            }
        }

        /// <summary>A QoS 2 copy that has reached the client is in the store under the id that the client saw.</summary>
        private void AssertStored(SentPacket packet) =>
            Assert.True(_store.Rows(SubscriberId).Any(row => row.PacketId == packet.Id && row.Qos == QualityOfService.ExactlyOnce), $"{Where}: {packet} was sent before its commit");

        private void Answer(PacketType type, ushort id)
        {
            if (_subscriberConnection is not null)
            {
                _kit.Receive(_subscriberConnection, EdgeKit.Ack(type, id));
                WaitForLoads();
            }
        }

        private void Arrive()
        {
            foreach (var packet in SentPacket.Parse(_toSubscriber.TakeSent()))
            {
                _arrived.Enqueue(packet);
            }
        }

        private void DropSubscriber()
        {
            if (_subscriberConnection is not null)
            {
                Log("subscriber drops");
                if (_random.Next(2) == 0)
                {
                    Arrive();
                }

                _toSubscriber.TakeSent();
                _subscriber.Detach(_subscriberConnection, _time.GetUtcNow());
                _subscriberConnection = null;
                // What had arrived is still looked at, but nothing can be answered; more or less of it.
                if (_random.Next(2) == 0)
                {
                    SubscriberReads();
                }

                _arrived.Clear();
            }
        }

        private void ConnectSubscriber()
        {
            if (_subscriberConnection is null)
            {
                Log("subscriber connects");
                _toSubscriber = new ScriptedTransport();
                _subscriberConnection = _kit.Connect(_subscriber, _toSubscriber, window: _random.Next(1, 6));
                WaitForLoads();
            }
        }

        private void DropPublisher()
        {
            if (_publisherConnection is not null)
            {
                Log("publisher drops");
                _toPublisher.TakeSent();
                _publisher.Detach(_publisherConnection, _time.GetUtcNow());
                _publisherConnection = null;
            }
        }

        private void ConnectPublisher()
        {
            Log("publisher connects");
            _toPublisher = new ScriptedTransport();
            _publisherConnection = _kit.Connect(_publisher, _toPublisher);
            foreach (var message in _unacknowledged.ToList())
            {
                Send(message, dup: true);
            }
        }

        private void Crash()
        {
            Log("crash");
            if (_random.Next(2) == 0)
            {
                Arrive();
            }

            if (_random.Next(2) == 0)
            {
                PublisherReads();
            }

            _publisherConnection = _subscriberConnection = null;
            _toSubscriber = new ScriptedTransport();
            if (_random.Next(2) == 0)
            {
                SubscriberReads();
            }

            _arrived.Clear();
            _store.Crash();
            _kit.Dispose();
            _time.Advance(TimeSpan.FromSeconds(1));
            _kit = new EdgeKit(_store, _time);
            Restore();
        }

        private void Restore()
        {
            _publisher = _kit.Restored("p", PublisherId);
            _subscriber = _kit.Restored("s", SubscriberId, All);
            ConnectPublisher();
            if (_random.Next(2) == 0)
            {
                ConnectSubscriber();
            }
        }

        private void Drain()
        {
            Log("drain");
            ConnectSubscriber();
            // The acknowledgements of a publisher that missed them come again when it connects again.
            for (var i = 0; i < 2000; i++)
            {
                if (i % 100 == 0)
                {
                    DropPublisher();
                    ConnectPublisher();
                }

                _subscriber.PersistUnacknowledged(long.MaxValue);
                _kit.Settle(_subscriber);
                PublisherReads();
                _kit.Settle(_subscriber);
                SubscriberReads();
                if (_unacknowledged.Count == 0 && _arrived.Count == 0 && _toSubscriber.Sent.Length == 0 && _subscriber.WaitingCount == 0 && _subscriber.InflightCount == 0)
                {
                    _kit.Settle(_subscriber);
                    return;
                }
            }

            Assert.Fail($"{Where}: does not drain; unacknowledged {_unacknowledged.Count}, waiting {_subscriber.WaitingCount}, in flight {_subscriber.InflightCount}");
        }

        private void Check()
        {
            var first = _seen.Distinct().ToList();
            Assert.True(_acknowledged.Count == _nextNumber, Where);
            Assert.True(_acknowledged.Except(first.Select(one => one.Number)).ToList() is [], $"{Where}: lost {string.Join(',', _acknowledged.Except(first.Select(one => one.Number)))}");
            Assert.True(_seen.Where(one => one.Qos == 2).GroupBy(one => one.Number).All(group => group.Count() == 1), $"{Where}: QoS 2 twice");
            foreach (var qos in new[] { 1, 2 })
            {
                var numbers = first.Where(one => one.Qos == qos).Select(one => one.Number).ToList();
                Assert.True(numbers.SequenceEqual(numbers.Order()), $"{Where}: QoS {qos} out of order: {string.Join(',', numbers)}");
            }

            Assert.True(_store.Rows(SubscriberId).Count == 0, $"{Where}: rows remain");
            Assert.True(_store.Inbound(PublisherId).Count == 0, $"{Where}: inbound ids remain");
        }

        private void WaitForLoads()
        {
            // A read of the queue ends only by what the store does; what it waits for is among what is pending.
            var deadline = Environment.TickCount64 + 10_000;
            while (EdgeKit.IsLoading(_subscriber))
            {
                Assert.True(Environment.TickCount64 < deadline, $"{Where}: the queue is still being read");
                _store.Commit();
                Thread.Yield();
            }
        }

        private void Log(string what) => _log.Add(what);

        private string Where => $"seed {_seed}\n{string.Join('\n', _log.TakeLast(80))}\n";
    }
}
