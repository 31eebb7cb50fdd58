using System.Text;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Links;

/// <summary>
/// Clients on several edges subscribe and publish in random order while links fail and edges come and go: after SUBACK no message is
/// missed (architecture, invariant 2), order per publisher, topic and QoS is kept (invariant 5), no copy is delivered twice, and
/// every publish is acknowledged in the end.
/// </summary>
public class LinkSimulationTests
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
    public void AfterSubAck_NothingIsMissed_AndOrderIsKept(int block)
    {
        for (var seed = block * 100; seed < (block + 1) * 100; seed++)
        {
            Assert.Null(Run(seed, subAckAtOnce: false, losesSilently: false));
        }
    }

    [Fact]
    public void TheChecker_FindsASubAckThatDoesNotWait() =>
        Assert.Contains(Enumerable.Range(0, 100), seed => Run(seed, subAckAtOnce: true, losesSilently: false) is not null);

    [Fact]
    public void TheChecker_FindsALinkThatLoses() =>
        Assert.Contains(Enumerable.Range(0, 100), seed => Run(seed, subAckAtOnce: false, losesSilently: true) is not null);

    private static string? Run(int seed, bool subAckAtOnce, bool losesSilently)
    {
        // A thread of its own, without a scheduler: continuations run where they are completed, and the seed alone decides.
        string? found = null;
        var thread = new Thread(() =>
        {
            using var simulation = new Simulation(seed, subAckAtOnce, losesSilently);
            found = simulation.Run();
        });
        thread.Start();
        thread.Join();
        return found;
    }

    private sealed class Simulation(int seed, bool subAckAtOnce, bool losesSilently) : IDisposable
    {
        private static readonly string[] Filters = ["t/1", "t/2", "t/3", "t/+", "t/#", "+/1", "#"];
        private static readonly string[] Topics = ["t/1", "t/2", "t/3", "u/1"];

        private readonly LinkNetwork _network = new(seed) { LosesSilently = losesSilently };
        private readonly List<Subscriber> _subscribers = [];
        private readonly List<(ClusterEdge Edge, SimulatedClient Client, List<ushort> Published)> _publishers = [];
        private long _lastSession;
        private int _lastNumber;

        private Random Random => _network.Random;

        public string? Run()
        {
            for (var i = 0; i < 2 + Random.Next(2); i++)
            {
                _network.Start();
            }

            var steps = Random.Next(100, 400);
            for (var i = 0; i < steps; i++)
            {
                Act();
                _network.Step();
                NoteSubAcks();
            }

            return _network.Drain() ? Check() : $"seed {seed}: the links do not come to rest";
        }

        public void Dispose() => _network.Dispose();

        private void Act()
        {
            var edge = _network.Edges[Random.Next(_network.Edges.Count)];
            switch (Random.Next(40))
            {
                case < 4 when edge.IsListening(_network):
                    Subscribe(edge);
                    break;
                case < 12 when edge.IsListening(_network):
                    Publish(edge);
                    break;
                case < 16:
                    edge.Turn();
                    break;
                case 16 when _network.Edges.Count < 4 && Random.Next(4) == 0:
                    _network.Start();
                    break;
                case 17 when _network.Edges.Count > 2 && Random.Next(6) == 0:
                    Kill(edge);
                    break;
            }
        }

        private void Subscribe(ClusterEdge edge)
        {
            var session = ++_lastSession;
            var client = edge.Connect($"s{session}", session, durable: Random.Next(2) == 0);
            var filter = Filters[Random.Next(Filters.Length)];
            edge.Kit.Sessions.Subscribe(client.Session, new SubscriptionRecord(filter, (QualityOfService)Random.Next(3)));
            var barrier = edge.Kit.Services.Peers.All.Select(peer => (Task)peer.Control.WhenAppliedAsync()).ToList();
            _subscribers.Add(new Subscriber(edge, client, filter, subAckAtOnce ? [] : barrier));
        }

        private void NoteSubAcks()
        {
            foreach (var subscriber in _subscribers.Where(subscriber => !subscriber.HasSubAck))
            {
                subscriber.HasSubAck = subscriber.Barrier.All(task => task.IsCompleted);
            }
        }

        private void Publish(ClusterEdge edge)
        {
            if (!_publishers.Exists(publisher => publisher.Edge == edge) || Random.Next(10) == 0)
            {
                var session = ++_lastSession;
                _publishers.Add((edge, edge.Connect($"p{session}", session, durable: Random.Next(2) == 0), []));
            }

            var own = _publishers.Where(publisher => publisher.Edge == edge).ToList();
            var (_, client, published) = own[Random.Next(own.Count)];
            var topic = Topics[Random.Next(Topics.Length)];
            var qos = Random.Next(3);
            var payload = $"{client.Session.ClientId} {topic} {qos} {++_lastNumber}";
            foreach (var subscriber in _subscribers.Where(subscriber => subscriber.HasSubAck && Matches(subscriber.Filter, topic)))
            {
                subscriber.Expected.Add((edge, payload));
            }

            var id = client.Publish(topic, payload, qos);
            if (qos > 0)
            {
                published.Add(id);
            }
        }

        private void Kill(ClusterEdge edge)
        {
            _network.Kill(edge);
            _subscribers.RemoveAll(subscriber => subscriber.Edge == edge);
            _publishers.RemoveAll(publisher => publisher.Edge == edge);
            foreach (var subscriber in _subscribers)
            {
                // What was still under way from it was never acknowledged.
                subscriber.Expected.RemoveAll(expected => expected.From == edge);
            }
        }

        private string? Check()
        {
            foreach (var (edge, client, published) in _publishers)
            {
                if (published.Find(id => !client.Acknowledged.Contains(id)) is var open and not 0)
                {
                    return $"seed {seed}: {client.Session.ClientId} on {edge.Number}: packet {open} was never acknowledged; unsettled {string.Join(',', edge.Kit.Services.Peers.All.Select(peer => $"{peer.Silo.Endpoint.Port}:{peer.UnsettledCount}:{peer.Data.Bytes}:{peer.Control.Bytes}"))}, busy {client.Session.ExactlyOnce?.IsBusy}, edges {string.Join(',', _network.Edges.Select(one => one.Number))}";
                }
            }

            foreach (var subscriber in _subscribers)
            {
                var received = subscriber.Client.Received.Select(packet => packet.Payload).ToList();
                if (subscriber.Expected.FirstOrDefault(expected => !received.Contains(expected.Payload)).Payload is { } missed)
                {
                    return $"seed {seed}: {subscriber.Client.Session.ClientId} missed '{missed}'";
                }

                if (received.Distinct().Count() != received.Count)
                {
                    return $"seed {seed}: {subscriber.Client.Session.ClientId} got a copy twice";
                }

                foreach (var stream in received.Select(payload => payload.Split(' ')).GroupBy(parts => string.Join(' ', parts[..3]), parts => int.Parse(parts[3], null)))
                {
                    if (!stream.SequenceEqual(stream.Order()))
                    {
                        return $"seed {seed}: {subscriber.Client.Session.ClientId} got '{stream.Key}' out of order: {string.Join(' ', stream)}";
                    }
                }
            }

            return null;
        }

        private static bool Matches(string filter, string topic) => TopicFilter.Matches(Encoding.UTF8.GetBytes(filter), Encoding.UTF8.GetBytes(topic));

        private sealed record Subscriber(ClusterEdge Edge, SimulatedClient Client, string Filter, List<Task> Barrier)
        {
            public bool HasSubAck { get; set; }

            public List<(ClusterEdge From, string Payload)> Expected { get; } = [];
        }
    }
}
