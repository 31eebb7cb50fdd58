using System.Globalization;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>
/// One publisher and a shared subscription of three durable members that come and go, give the subscription up, end and are replaced, over
/// an edge that dies at random. At the end all are there: what was acknowledged has reached somebody, QoS 2 nobody twice.
/// </summary>
public class SharedSimulationTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void NothingAcknowledgedIsLost_AndExactlyOnceIsOnceInTheGroup(int block)
    {
        for (var seed = block * 12; seed < (block + 1) * 12; seed++)
        {
            using var simulation = new Simulation(seed);
            simulation.Run();
        }
    }

    private sealed class Simulation : IDisposable
    {
        private const long PublisherId = 1000;
        private static readonly SubscriptionRecord Share = new("$share/g/t/#", QualityOfService.ExactlyOnce);

        private readonly int _seed;
        private readonly Random _random;
        private readonly FakeMessageStore _store = new();
        private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
        private readonly SharedSubscriptionStrategy _strategy;
        private readonly Member[] _members = [new("a", 1), new("b", 2), new("c", 3)];
        private readonly List<string> _log = [];
        private ProcessStore _process;
        private EdgeKit _kit;
        private long _lastId = 3;

        private ClientSession _publisher = null!;
        private MqttConnection _publisherConnection = null!;
        private ScriptedTransport _toPublisher = new();
        private readonly List<(ushort Id, int Number, int Qos, bool Released)> _unacknowledged = [];
        private readonly HashSet<int> _acknowledged = [];
        private readonly HashSet<int> _sentAndEnded = [];
        private readonly Dictionary<int, int> _qos = [];
        private readonly List<int> _seen = [];
        private ushort _nextPacketId;
        private int _nextNumber;

        public Simulation(int seed)
        {
            _seed = seed;
            _random = new Random(seed);
            _strategy = (SharedSubscriptionStrategy)(seed % 5);
            _process = new ProcessStore(_store);
            _kit = new EdgeKit(_store, _time, _process);
            Restore();
        }

        public void Dispose() => _kit.Dispose();

        public void Run()
        {
            for (var steps = _random.Next(50, 300); steps > 0; steps--)
            {
                Step();
            }

            Drain();
            var first = _seen.ToHashSet();
            var lost = _acknowledged.Where(number => !first.Contains(number) && !_sentAndEnded.Contains(number)).ToList();
            Assert.True(lost.Count == 0, $"{Where}: lost {string.Join(',', lost.Select(number => $"{number} (QoS {_qos[number]})"))}");
            var twice = _seen.Where(number => _qos[number] == 2).GroupBy(number => number).Where(group => group.Count() > 1).Select(group => group.Key).ToList();
            Assert.True(twice.Count == 0, $"{Where}: QoS 2 twice: {string.Join(',', twice)}");
        }

        private void Step()
        {
            var member = _members[_random.Next(_members.Length)];
            switch (_random.Next(26))
            {
                case < 8:
                    Publish();
                    break;
                case < 13:
                    Read(member, _random.Next(1, 5));
                    break;
                case < 15:
                    PublisherReads();
                    break;
                case < 18:
                    _store.Commit(_random.Next(1, 4));
                    break;
                case 18:
                    member.Session.PersistUnacknowledged(long.MaxValue);
                    break;
                case 19 or 20:
                    Drop(member);
                    break;
                case 21 or 22:
                    Connect(member);
                    break;
                case 23 when _random.Next(3) == 0 && _members.Count(other => other.Subscribed) > 1 && member.Subscribed:
                    Log($"{member.Name} unsubscribes");
                    member.Subscribed = false;
                    _kit.Sessions.Unsubscribe(member.Session, Share.Filter);
                    break;
                case 23 when !member.Subscribed:
                    Log($"{member.Name} subscribes");
                    member.Subscribed = true;
                    _kit.Sessions.Subscribe(member.Session, Share);
                    break;
                case 24 when _random.Next(3) == 0 && _members.Count(other => other.Subscribed) > 1:
                    EndSession(member);
                    break;
                case 25 when _random.Next(6) == 0:
                    Crash();
                    break;
            }

            Thread.Yield();
        }

        private void Publish()
        {
            if (_unacknowledged.Count >= 20)
            {
                return;
            }

            do
            {
                _nextPacketId = (ushort)((_nextPacketId % 40) + 1);
            }
            while (_unacknowledged.Any(one => one.Id == _nextPacketId));
            var message = (_nextPacketId, _nextNumber++, _random.Next(1, 3), false);
            _qos[message.Item2] = message.Item3;
            _unacknowledged.Add(message);
            Send(message, dup: false);
        }

        private void Send((ushort Id, int Number, int Qos, bool Released) message, bool dup)
        {
            Log($"publish {message.Number} qos {message.Qos}{(dup ? " dup" : "")}");
            _kit.Receive(_publisherConnection, message.Released
                ? EdgeKit.Ack(PacketType.PubRel, message.Id)
                : EdgeKit.PublishPacket($"t/{message.Number % 7}", $"{message.Number}", message.Qos, message.Id, dup));
        }

        private void PublisherReads()
        {
            foreach (var packet in SentPacket.Parse(_toPublisher.TakeSent()))
            {
                var at = _unacknowledged.FindIndex(one => one.Id == packet.Id);
                if (at < 0)
                {
                    continue;
                }

                if ((packet.Type == PacketType.PubAck && _unacknowledged[at].Qos == 1) || (packet.Type == PacketType.PubComp && _unacknowledged[at].Released))
                {
                    Log($"acknowledged {_unacknowledged[at].Number}");
                    _acknowledged.Add(_unacknowledged[at].Number);
                    _unacknowledged.RemoveAt(at);
                }
                else if (packet.Type == PacketType.PubRec && _unacknowledged[at].Qos == 2)
                {
                    _unacknowledged[at] = _unacknowledged[at] with { Released = true };
                    _kit.Receive(_publisherConnection, EdgeKit.Ack(PacketType.PubRel, packet.Id));
                }
            }
        }

        private void Read(Member member, int count)
        {
            if (member.Connection is not { } connection)
            {
                return;
            }

            foreach (var packet in SentPacket.Parse(member.Wire.TakeSent()))
            {
                member.Arrived.Enqueue(packet);
            }

            for (; count > 0 && member.Arrived.TryDequeue(out var packet); count--)
            {
                Log($"{member.Name} reads {packet}");
                var number = packet.Type == PacketType.Publish ? int.Parse(packet.Payload, CultureInfo.InvariantCulture) : 0;
                switch (packet.Type)
                {
                    case PacketType.Publish when packet.Qos == 1:
                        _seen.Add(number);
                        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubAck, packet.Id));
                        break;
                    case PacketType.Publish:
                        if (member.Held.Add(packet.Id))
                        {
                            _seen.Add(number);
                        }

                        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubRec, packet.Id));
                        break;
                    case PacketType.PubRel:
                        member.Held.Remove(packet.Id);
                        _kit.Receive(connection, EdgeKit.Ack(PacketType.PubComp, packet.Id));
                        break;
                }
            }
        }

        private void Drop(Member member)
        {
            if (member.Connection is { } connection)
            {
                Log($"{member.Name} drops");
                member.Wire.TakeSent();
                member.Arrived.Clear();
                member.Session.Detach(connection, _time.GetUtcNow());
                member.Connection = null;
                member.Session.OfferWaiting();
            }
        }

        private void Connect(Member member)
        {
            if (member.Connection is null)
            {
                Log($"{member.Name} connects");
                member.Wire = new ScriptedTransport();
                member.Connection = _kit.Connect(member.Session, member.Wire, window: _random.Next(1, 5));
            }
        }

        /// <summary>Expired, removed, or started clean: the next of this name is another.</summary>
        private void EndSession(Member member)
        {
            Log($"{member.Name} ends");
            // QoS 2 that it was sent ends with it [MQTT-4.8.2-5].
            foreach (var row in _store.Rows(member.Id).Where(row => row.PacketId != 0))
            {
                _sentAndEnded.Add(int.Parse(row.Message.Payload.Span, CultureInfo.InvariantCulture));
            }

            member.Connection = null;
            member.Arrived.Clear();
            member.Held.Clear();
            _kit.Remove(member.Session);
            member.Id = ++_lastId;
            member.Subscribed = true;
            member.Session = _kit.Session(member.Name, member.Id, durable: true, Share);
        }

        private void Crash()
        {
            Log("crash");
            PublisherReads();
            foreach (var member in _members)
            {
                member.Connection = null;
                member.Arrived.Clear();
            }

            _process.Die();
            _store.Crash();
            _kit.Dispose();
            _time.Advance(TimeSpan.FromSeconds(1));
            _process = new ProcessStore(_store);
            _kit = new EdgeKit(_store, _time, _process);
            Restore();
        }

        private void Restore()
        {
            _kit.Routes.Sharing.Strategy = _strategy;
            foreach (var member in _members)
            {
                member.Session = member.Subscribed ? _kit.Restored(member.Name, member.Id, Share) : _kit.Restored(member.Name, member.Id);
            }

            for (var id = 1L; id <= _lastId; id++)
            {
                if (_members.All(member => member.Id != id) && _store.Rows(id).Count > 0)
                {
                    foreach (var row in _store.Rows(id).Where(row => row.PacketId != 0))
                    {
                        _sentAndEnded.Add(int.Parse(row.Message.Payload.Span, CultureInfo.InvariantCulture));
                    }

                    _ = _kit.Services.Redelivery.MoveRowsThenDeleteAsync(id, ended: null);
                }
            }

            _publisher = _kit.Restored("p", PublisherId);
            ConnectPublisher();
        }

        private void ConnectPublisher()
        {
            _toPublisher = new ScriptedTransport();
            _publisherConnection = _kit.Connect(_publisher, _toPublisher);
            foreach (var message in _unacknowledged.ToList())
            {
                Send(message, dup: true);
            }
        }

        private void Drain()
        {
            Log("drain");
            var deadline = Environment.TickCount64 + 30_000;
            for (var quiet = 0; quiet < 50; quiet++)
            {
                Assert.True(Environment.TickCount64 < deadline, $"{Where}: does not drain: {string.Join(", ", _members.Select(member => $"{member.Name} waiting {member.Session.WaitingCount} in flight {member.Session.InflightCount}"))}, publisher {_unacknowledged.Count}");
                foreach (var member in _members)
                {
                    if (!member.Subscribed)
                    {
                        member.Subscribed = true;
                        _kit.Sessions.Subscribe(member.Session, Share);
                    }

                    Connect(member);
                    member.Session.PersistUnacknowledged(long.MaxValue);
                    Read(member, int.MaxValue);
                }

                PublisherReads();
                if (_store.Pending > 0 || _unacknowledged.Count > 0 || _members.Any(member => member.Session.WaitingCount > 0 || member.Session.InflightCount > 0 || EdgeKit.IsLoading(member.Session))
                    || Enumerable.Range(1, (int)_lastId).Any(id => _store.Rows(id).Count > 0))
                {
                    quiet = 0;
                }

                _store.Commit();
                Thread.Yield();
            }
        }

        private void Log(string what) => _log.Add(what);

        private string Where => $"seed {_seed} ({_strategy})\n{string.Join('\n', _log.TakeLast(150))}\n";

        private sealed class Member(string name, long id)
        {
            public string Name { get; } = name;
            public long Id { get; set; } = id;
            public bool Subscribed { get; set; } = true;
            public ClientSession Session { get; set; } = null!;
            public MqttConnection? Connection { get; set; }
            public ScriptedTransport Wire { get; set; } = new();
            public Queue<SentPacket> Arrived { get; } = new();
            public HashSet<ushort> Held { get; } = [];
        }
    }
}
