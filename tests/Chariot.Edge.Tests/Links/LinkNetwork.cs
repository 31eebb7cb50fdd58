using System.Net;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Orleans.Runtime;

namespace Chariot.Edge.Tests.Links;

/// <summary>
/// Edges with links between them that delay, reorder, lose, repeat and fail calls, as a seed says. One thread: what happens next is
/// always one event out of those that can happen.
/// </summary>
internal sealed class LinkNetwork(int seed) : IDisposable
{
    private readonly List<Action> _events = [];
    private int _lastPort;

    public Random Random { get; } = new(seed);

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.UtcNow);

    public List<ClusterEdge> Edges { get; } = [];

    /// <summary>No call fails any more.</summary>
    public bool IsCalm { get; set; }

    /// <summary>A planted fault: answers some frames without handing them over.</summary>
    public bool LosesSilently { get; init; }

    public ClusterEdge Start()
    {
        var address = SiloAddress.New(IPAddress.Loopback, ++_lastPort, 1000 + _lastPort);
        var edge = new ClusterEdge(this, address, _lastPort);
        Edges.Add(edge);
        ChangeView();
        foreach (var other in Edges.Where(other => other != edge).ToList())
        {
            Enqueue(() => other.Peers.HelloAsync(address));
        }

        return edge;
    }

    public void Kill(ClusterEdge edge)
    {
        Edges.Remove(edge);
        edge.IsDead = true;
        ChangeView();
    }

    public void Enqueue(Action work) => _events.Add(work);

    /// <summary>One event, or some time.</summary>
    public void Step()
    {
        if (_events.Count == 0 || Random.Next(10) == 0)
        {
            Time.Advance(TimeSpan.FromMilliseconds(30));
        }

        if (_events.Count > 0)
        {
            var index = Random.Next(_events.Count);
            var next = _events[index];
            _events.RemoveAt(index);
            next();
        }
    }

    /// <summary>Everything that is under way arrives; false when something never does.</summary>
    public bool Drain()
    {
        IsCalm = true;
        for (var quiet = 0; quiet < 60; quiet++)
        {
            Time.Advance(TimeSpan.FromMilliseconds(60));
            for (var steps = 0; _events.Count > 0; steps++)
            {
                if (steps > 20_000)
                {
                    return false;
                }

                quiet = 0;
                Step();
            }

            foreach (var edge in Edges)
            {
                edge.Turn();
            }
        }

        return true;
    }

    public Task<LinkReply> Send(ClusterEdge from, SiloAddress to, ReadOnlyMemory<byte> frame)
    {
        var call = new TaskCompletionSource<LinkReply>();
        var bytes = frame.ToArray();
        Enqueue(() => Deliver(from, to, bytes, call));
        return call.Task;
    }

    public void Dispose()
    {
        foreach (var edge in Edges)
        {
            edge.Dispose();
        }
    }

    private void Deliver(ClusterEdge from, SiloAddress to, byte[] frame, TaskCompletionSource<LinkReply> call)
    {
        var target = Edges.Find(edge => edge.Address.Equals(to));
        if (from.IsDead)
        {
            return;
        }

        if (target is null || (!IsCalm && Random.Next(15) == 0))
        {
            Enqueue(() => call.TrySetException(new TimeoutException("not delivered")));
            return;
        }

        if (LosesSilently && Random.Next(10) == 0)
        {
            call.TrySetResult(new LinkReply(LinkStatus.Applied, 0));
            return;
        }

        if (!IsCalm && Random.Next(15) == 0)
        {
            Enqueue(() => Deliver(from, to, frame, call));
        }

        Assert.True(LinkFrame.TryRead(frame, out var parsed));
        if (target.Peers.PeerOf(from.Address) is not { } peer)
        {
            Enqueue(() => call.TrySetResult(new LinkReply(LinkStatus.Refused, 0)));
            return;
        }

        var applied = EdgePeers.Accept(peer, parsed);
        if (!IsCalm && Random.Next(15) == 0)
        {
            Enqueue(() => call.TrySetException(new TimeoutException("not answered")));
            return;
        }

        AnswerWhenDone(from, target, applied, peer, call);
    }

    private void AnswerWhenDone(ClusterEdge from, ClusterEdge target, Task<bool> applied, Peer peer, TaskCompletionSource<LinkReply> call)
    {
        if (from.IsDead || target.IsDead)
        {
            call.TrySetException(new TimeoutException("dead"));
        }
        else if (applied.IsCompleted)
        {
            Enqueue(() => call.TrySetResult(new LinkReply(applied.Result ? LinkStatus.Applied : LinkStatus.Refused, peer.Data.Items)));
        }
        else
        {
            // Another frame has to come first.
            Time.Advance(TimeSpan.FromMilliseconds(1));
            Enqueue(() => AnswerWhenDone(from, target, applied, peer, call));
        }
    }

    private void ChangeView()
    {
        var view = View();
        foreach (var edge in Edges)
        {
            Enqueue(() => edge.Peers.OnView(view));
        }
    }

    private readonly HashSet<SiloAddress> _dead = [];
    private readonly HashSet<SiloAddress> _seen = [];
    private long _version;

    public PeerView View()
    {
        var active = Edges.Select(edge => edge.Address).ToHashSet();
        _seen.UnionWith(active);
        _dead.UnionWith(_seen.Except(active));
        return new PeerView(++_version, [.. active], [.. _dead]);
    }
}

/// <summary>One edge of a <see cref="LinkNetwork"/>, with clients that take everything that it sends.</summary>
internal sealed class ClusterEdge : IDisposable
{
    private readonly List<SimulatedClient> _clients = [];

    public ClusterEdge(LinkNetwork network, SiloAddress address, int number)
    {
        Address = address;
        Number = number;
        Kit = new EdgeKit(time: network.Time, process: number);
        Kit.RetainedMessages.RemembersCleared = true;
        var deliveries = new PeerDeliveries(Kit.Routes, Kit.Router, Kit.RetainedMessages, Kit.Services, Kit.Ids);
        var links = new Links(network, this);
        var adoptions = new SessionAdoption(null!, null!, null!, Kit.Sessions, null!, Kit.Services, new PeerLog(NullLogger<PeerLog>.Instance));
        Peers = new EdgePeers(links, Kit.Routes, Kit.RetainedMessages, Kit.Connections, deliveries, null!, adoptions, Kit.Services, new ConfigurationLease(new(Required: false)), new PeerLog(NullLogger<PeerLog>.Instance))
        {
            Schedule = network.Enqueue,
        };
    }

    public SiloAddress Address { get; }

    public int Number { get; }

    public EdgeKit Kit { get; }

    public EdgePeers Peers { get; }

    public bool IsDead { get; set; }

    /// <summary>Every peer that it knows has told it everything.</summary>
    public bool IsListening(LinkNetwork network) =>
        Kit.Services.Peers.All.Length >= network.Edges.Count - 1
        && Kit.Services.Peers.All.All(peer => peer.RoutesReceived.Task.IsCompleted && peer.RetainedReceived.Task.IsCompleted);

    public SimulatedClient Connect(string clientId, long sessionId, bool durable)
    {
        var client = new SimulatedClient(Kit, Kit.Session(clientId, sessionId, durable));
        _clients.Add(client);
        return client;
    }

    /// <summary>The store commits, clients read and acknowledge.</summary>
    public void Turn()
    {
        Kit.Store.Commit();
        foreach (var client in _clients)
        {
            client.Turn();
        }
    }

    public void Dispose() => Kit.Dispose();

    private sealed class Links(LinkNetwork network, ClusterEdge edge) : IPeerLinks
    {
        public SiloAddress Local => edge.Address;

        public PeerView Current => network.View();

        public IAsyncEnumerable<PeerView> WatchAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public IPeerLink Get(SiloAddress silo) => new Link(network, edge, silo);
    }

    private sealed class Link(LinkNetwork network, ClusterEdge from, SiloAddress to) : IPeerLink
    {
        public Task<LinkReply> SendAsync(ReadOnlyMemory<byte> frame) => network.Send(from, to, frame);

        public Task HelloAsync() => throw new NotSupportedException();

        public Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard) => throw new NotSupportedException();

        public Task AdoptAsync(int partition, System.Collections.Immutable.ImmutableArray<LostOwner> owners, long epoch) => throw new NotSupportedException();
    }
}

/// <summary>A correct 3.1.1 client: acknowledges what it gets, and remembers it.</summary>
internal sealed class SimulatedClient
{
    private readonly EdgeKit _kit;
    private readonly ScriptedTransport _transport = new();
    private readonly MqttConnection _connection;
    private readonly HashSet<ushort> _held = [];
    private ushort _lastId;

    public SimulatedClient(EdgeKit kit, ClientSession session)
    {
        _kit = kit;
        Session = session;
        _connection = kit.Connect(session, _transport, window: 20);
    }

    public ClientSession Session { get; }

    /// <summary>What its application saw.</summary>
    public List<SentPacket> Received { get; } = [];

    /// <summary>Packet ids that it published under and that have been acknowledged (QoS 1: PUBACK, QoS 2: PUBREC).</summary>
    public HashSet<ushort> Acknowledged { get; } = [];

    public ushort Publish(string topic, string payload, int qos, bool retain = false)
    {
        var id = qos == 0 ? (ushort)0 : ++_lastId;
        var packet = EdgeKit.PublishPacket(topic, payload, qos, id);
        packet[0] |= (byte)(retain ? 1 : 0);
        _kit.Receive(_connection, packet);
        return id;
    }

    public void Turn()
    {
        for (var packets = SentPacket.Parse(_transport.TakeSent()); packets.Count > 0; packets = SentPacket.Parse(_transport.TakeSent()))
        {
            foreach (var packet in packets)
            {
                Take(packet);
            }
        }
    }

    private void Take(SentPacket packet)
    {
        switch (packet.Type)
        {
            case PacketType.Publish:
                if (packet.Qos < 2 || _held.Add(packet.Id))
                {
                    Received.Add(packet);
                }

                if (packet.Qos > 0)
                {
                    _kit.Receive(_connection, EdgeKit.Ack(packet.Qos == 1 ? PacketType.PubAck : PacketType.PubRec, packet.Id));
                }

                break;
            case PacketType.PubRel:
                _held.Remove(packet.Id);
                _kit.Receive(_connection, EdgeKit.Ack(PacketType.PubComp, packet.Id));
                break;
            case PacketType.PubAck:
                Acknowledged.Add(packet.Id);
                break;
            case PacketType.PubRec:
                Acknowledged.Add(packet.Id);
                _kit.Receive(_connection, EdgeKit.Ack(PacketType.PubRel, packet.Id));
                break;
        }
    }
}
