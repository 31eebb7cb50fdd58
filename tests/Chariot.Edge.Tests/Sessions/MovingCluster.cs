using System.Buffers.Binary;
using System.Net;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Runtime;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>
/// Edges over one store between which one durable session moves: the grain's decisions are made here, the edges do what they do. Answers,
/// messages, commits, the client's packets and the edges' own work take as long as the test says; time does not pass.
/// </summary>
internal sealed class MovingCluster : IDisposable
{
    public const string ClientId = "mover";
    private const long SessionId = 7;
    private static readonly SubscriptionRecord All = new("t/#", QualityOfService.ExactlyOnce);

    private readonly FakeMessageStore _store = new();
    private readonly SeededScheduler _scheduler;
    private readonly List<GrainAnswer> _answers = [];
    private long _epoch = 1;
    private int _owner;
    private int _lastNumber;

    public MovingCluster(int edges, int seed = 0)
    {
        _scheduler = new SeededScheduler(seed);
        Edges = [.. Enumerable.Range(0, edges).Select(number => new Edge(this, number))];
        var first = Edges[0].Kit.Sessions.Open(ClientId, Principal.Anonymous, Opened(1, null), 3600, arrives: false, FlushBatch.Current);
        first.Access = new ClientAccess(AccessControlList.Everything);
        first.FenceEpoch = 1;
    }

    public IReadOnlyList<Edge> Edges { get; }

    public MovingClient Client { get; } = new();

    public List<Published> Publishes { get; } = [];

    public int AnswersUnderWay => _answers.Count;

    public Edge Owner => Edges[_owner];

    /// <summary>The client's CONNECT reaches the grain, which has the old edge give the session up; its answer is on its way.</summary>
    public void Connect(int edge)
    {
        var opening = Edges[edge].Kit.Sessions.Openings.Begin(ClientId);
        var previous = _owner == edge ? null : Edges[_owner];
        previous?.HandOver.GiveUp(ClientId, ++_epoch);
        _epoch += previous is null ? 1 : 0;
        _owner = edge;
        _answers.Add(new GrainAnswer(Edges[edge], opening, Opened(_epoch, previous?.Address)));
    }

    /// <summary>One of the grain's answers arrives, not the first first.</summary>
    public void Answer(int index)
    {
        var answer = _answers[index];
        _answers.RemoveAt(index);
        answer.Edge.Taking.Add(_scheduler.Start(() => answer.Edge.TakeAsync(answer)));
    }

    /// <summary>The edges go on with what they can go on with: so many steps of it.</summary>
    public void GoOn(int steps = int.MaxValue) => _scheduler.Run(steps);

    /// <summary>A publisher on a silo of its own: what it sends goes to every edge that has the route now.</summary>
    public void Publish(QualityOfService qos)
    {
        var publish = new Published(++_lastNumber, qos);
        var targets = Edges.Where(edge => edge.Kit.Routes.Match(edge.Kit.Routes.GetTopic("t/1"u8)).Targets.Length > 0).ToList();
        Assert.NotEmpty(targets);
        Publishes.Add(publish);
        foreach (var edge in targets)
        {
            publish.Ticket.Add();
            edge.Enqueue(publish);
        }

        publish.Ticket.Complete(FlushBatch.Current);
    }

    public void Commit(int count) => _store.Commit(count);

    /// <summary>Everything arrives, and the client reads all there is.</summary>
    public void Settle(string run = "")
    {
        for (var round = 0; ; round++)
        {
            Assert.True(round < 2000, $"{run}: the session does not come to rest: {string.Join(' ', Edges.Select(edge => edge.ToString()))}");
            while (_answers.Count > 0)
            {
                Answer(0);
            }

            foreach (var edge in Edges)
            {
                edge.Deliver(int.MaxValue);
            }

            _store.Commit();
            _scheduler.Run();
            var seen = Client.Received.Count;
            Client.GoTo(Owner);
            Client.Turn(int.MaxValue);
            if (Edges.All(edge => edge.IsAtRest) && Client.Connection is not null && Client.Received.Count == seen && _store.Pending == 0 && _scheduler.Ready == 0)
            {
                return;
            }
        }
    }

    public void Dispose()
    {
        foreach (var edge in Edges)
        {
            edge.Kit.Dispose();
        }
    }

    private static OpenSessionResult Opened(long epoch, SiloAddress? previous) =>
        new(ReasonCode.Success, epoch, SessionId, true, [All], 0) { PreviousOwner = previous };

    internal sealed record GrainAnswer(Edge Edge, SessionOpenings.Opening Opening, OpenSessionResult Opened);

    /// <summary>One message and what became of it.</summary>
    internal sealed class Published(int number, QualityOfService qos)
    {
        public int Number => number;

        public QualityOfService Qos => qos;

        public Answered Ticket { get; } = new();
    }

    internal sealed class Answered : PublishTicket
    {
        /// <summary>Null while it waits.</summary>
        public ReasonCode? Reason { get; private set; }

        protected override void Settle(ReasonCode reason, FlushBatch batch) => Reason = reason;
    }

    internal sealed class Edge
    {
        private readonly Lock _gate = new();
        private readonly Queue<object> _coming = new();
        private readonly SessionArrival _arrivals;
        private readonly Peer _publisher;

        public Edge(MovingCluster cluster, int number)
        {
            Address = SiloAddress.New(IPAddress.Loopback, 1 + number, 1);
            Kit = new EdgeKit(cluster._store, process: number);
            Kit.Services.SharesStore = true;
            Kit.Services.Ids = Kit.Ids;
            Kit.Services.Scheduler = cluster._scheduler;
            var log = new PeerLog(NullLogger<PeerLog>.Instance);
            _publisher = new Peer(SiloAddress.New(IPAddress.Loopback, 99, 1), new PublisherLink(this), 1, null!, Kit.Time, log, work => cluster._scheduler.Start(() =>
            {
                work();
                return Task.CompletedTask;
            }));
            Kit.Services.Peers.Add(_publisher);
            HandOver = new SessionHandOver(Kit.Sessions, Kit.Routes, null!, Kit.Connections, Kit.Services);
            _arrivals = new SessionArrival(new Links(cluster, Address), Kit.Sessions, Kit.Services, log);
        }

        public SiloAddress Address { get; }

        public EdgeKit Kit { get; }

        public SessionHandOver HandOver { get; }

        public List<Task> Taking { get; } = [];

        public ClientSession? Session => Kit.Sessions.Find(ClientId);

        public bool IsTaking => !Taking.All(task => task.IsCompleted);

        public bool IsAtRest => Taking.All(task => task.IsCompletedSuccessfully) && (Session is not { } session || (session.Arrival?.IsCompleted != false && !EdgeKit.IsLoading(session)));

        public void Enqueue(object item)
        {
            lock (_gate)
            {
                _coming.Enqueue(item);
            }
        }

        /// <summary>What comes on the link, in its order.</summary>
        public void Deliver(int count)
        {
            for (; count > 0; count--)
            {
                object? next;
                lock (_gate)
                {
                    if (!_coming.TryDequeue(out next))
                    {
                        return;
                    }
                }

                if (next is ulong mark)
                {
                    _publisher.OnFenceReached(mark);
                    continue;
                }

                var publish = (Published)next;
                Kit.Do(batch =>
                {
                    var message = Kit.Message(publish.Number, "t/1", $"{publish.Number}", publish.Qos);
                    var job = new PublishJob(Kit.Services, message, storesFirst: publish.Qos == QualityOfService.ExactlyOnce, () => publish.Ticket) { IsFromPeer = true };
                    Kit.Router.Route(job, Kit.Routes.Match(Kit.Routes.GetTopic("t/1"u8)), batch);
                    job.Submit();
                    publish.Ticket.Complete(batch);
                });
            }
        }

        /// <summary>What CONNECT does with the grain's answer.</summary>
        public async Task TakeAsync(GrainAnswer answer)
        {
            using var opening = answer.Opening;
            var opened = answer.Opened;
            opening.Answered(opened.Epoch);
            await _arrivals.WhenFreeAsync(ClientId, opened);
            var held = Session;
            if (held is not null && held.Epoch > opened.Epoch)
            {
                return;
            }

            var arrives = held is null || held.Ended || held.IsGivenUp;
            var session = Kit.Sessions.Open(ClientId, Principal.Anonymous, opened, 3600, arrives, FlushBatch.Current);
            if (arrives)
            {
                session.Access = new ClientAccess(AccessControlList.Everything);
                session.Arrival = _arrivals.RunAsync(session, opened.PreviousOwner, opened.Epoch);
            }

            lock (session.Gate)
            {
                session.Epoch = Math.Max(session.Epoch, opened.Epoch);
            }

            // Another thread may come in between.
            await Task.Yield();
            if (Kit.Sessions.TakenAfter(ClientId, opened.Epoch) is { } taken)
            {
                HandOver.GiveUp(ClientId, taken);
            }
        }

        public override string ToString() =>
            $"[{Address.Endpoint.Port}: taking {Taking.Count(task => !task.IsCompleted)} faults {string.Join(',', Taking.Where(task => task.IsFaulted).Select(task => task.Exception!.InnerException!.Message))} session {Session is not null} given up {Session?.IsGivenUp} arrived {Session?.Arrival?.Status}]";
    }

    private sealed class Links(MovingCluster cluster, SiloAddress local) : IPeerLinks
    {
        public SiloAddress Local => local;

        public PeerView Current => new(1, [.. cluster.Edges.Select(edge => edge.Address)], []);

        public IAsyncEnumerable<PeerView> WatchAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public IPeerLink Get(SiloAddress silo) => new Link(cluster.Edges.Single(edge => edge.Address.Equals(silo)));
    }

    /// <summary>To the silo that publishes: it puts the marks that it is asked for behind what it has sent.</summary>
    private sealed class PublisherLink(Edge edge) : IPeerLink
    {
        public Task<LinkReply> SendAsync(ReadOnlyMemory<byte> frame)
        {
            Assert.True(LinkFrame.TryRead(frame, out var read));
            var items = read.Items.Span;
            while (items.Length > 0)
            {
                var item = items[sizeof(int)..][..BinaryPrimitives.ReadInt32LittleEndian(items)];
                Assert.Equal(LinkItemKind.Fence, (LinkItemKind)item[0]);
                edge.Enqueue(LinkItem.ReadMark(item));
                items = items[(sizeof(int) + item.Length)..];
            }

            return Task.FromResult(new LinkReply(LinkStatus.Applied, 0));
        }

        public Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard) => throw new NotSupportedException();

        public Task HelloAsync() => throw new NotSupportedException();

        public Task AdoptAsync(int partition, System.Collections.Immutable.ImmutableArray<LostOwner> owners, long epoch) => throw new NotSupportedException();
    }

    private sealed class Link(Edge edge) : IPeerLink
    {
        public Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard) => edge.HandOver.ReleaseAsync(clientId, epoch, discard);

        public Task<LinkReply> SendAsync(ReadOnlyMemory<byte> frame) => throw new NotSupportedException();

        public Task HelloAsync() => throw new NotSupportedException();

        public Task AdoptAsync(int partition, System.Collections.Immutable.ImmutableArray<LostOwner> owners, long epoch) => throw new NotSupportedException();
    }
}

/// <summary>The client of the session: a correct one, that keeps its state while it moves.</summary>
internal sealed class MovingClient
{
    private readonly HashSet<ushort> _held = [];
    private ScriptedTransport _transport = new();
    private MovingCluster.Edge? _edge;

    public MqttConnection? Connection { get; private set; }

    /// <summary>What its application saw.</summary>
    public List<int> Received { get; } = [];

    public void Leave() => (_edge, Connection) = (null, null);

    /// <summary>Goes on at an edge whose session has arrived.</summary>
    public void GoTo(MovingCluster.Edge edge)
    {
        if (edge.IsTaking || edge.Session is not { IsGivenUp: false, Ended: false } session || session.Arrival is { IsCompletedSuccessfully: false } || (edge == _edge && session.Connection == Connection))
        {
            return;
        }

        _transport = new ScriptedTransport();
        _edge = edge;
        Connection = edge.Kit.Connect(session, _transport, window: 20);
    }

    /// <summary>Reads and answers up to <paramref name="count"/> packets; the rest of what has come is lost.</summary>
    public void Turn(int count)
    {
        for (var packets = SentPacket.Parse(_transport.TakeSent()); _edge is not null && packets.Count > 0; packets = SentPacket.Parse(_transport.TakeSent()))
        {
            foreach (var packet in packets)
            {
                if (_edge?.Session is not { } session || session.Connection != Connection || count-- <= 0)
                {
                    Leave();
                    return;
                }

                Take(packet, _edge.Kit);
            }
        }
    }

    private void Take(SentPacket packet, EdgeKit kit)
    {
        switch (packet.Type)
        {
            case PacketType.Publish:
                if (packet.Qos < 2 || _held.Add(packet.Id))
                {
                    Received.Add(int.Parse(packet.Payload, null));
                }

                kit.Receive(Connection!, EdgeKit.Ack(packet.Qos == 1 ? PacketType.PubAck : PacketType.PubRec, packet.Id));
                break;
            case PacketType.PubRel:
                _held.Remove(packet.Id);
                kit.Receive(Connection!, EdgeKit.Ack(PacketType.PubComp, packet.Id));
                break;
        }
    }
}
