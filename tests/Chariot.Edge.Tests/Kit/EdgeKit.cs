using System.Runtime.CompilerServices;
using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Packets;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Codec;
using Chariot.Edge.Transports;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Edge.Tests.Kit;

/// <summary>The message path of one edge without sockets, grains, timers of its own, or a real store.</summary>
internal sealed class EdgeKit : IDisposable
{
    private readonly AckOrPersistTimer _timer = new();

    public EdgeKit(FakeMessageStore? store = null, FakeTimeProvider? time = null, IMessageStore? behind = null, ConfigurationLease? lease = null, long process = 0)
    {
        Store = store ?? new FakeMessageStore();
        Time = time ?? new FakeTimeProvider(DateTimeOffset.UtcNow);
        // As if it were running already: the tests call PersistUnacknowledged themselves.
        Running(_timer) = true;
        Services = new SessionServices(behind ?? Store, _timer, Metrics, Log, Time);
        Sessions = new SessionRegistry(Routes, Services);
        Ids = new MessageIds(Time, process);
        Router = new MessageRouter(Routes, RetainedMessages, Services, Ids);
        Publish = new PublishHandler(Routes, Router, Services);
        // Handlers that call grains take no part in what is tested with this kit.
        var connect = new ConnectHandler(null!, null!, null!, null!, null!, null!, Sessions, null!, null!, null!, Services, Log, Time);
        Dispatcher = new PacketDispatcher(connect, Publish, null!, null!, new DisconnectHandler(Connections, null!, Services), null!, lease ?? new ConfigurationLease(new(Required: false)), Log);
        Store.GroupCompleted += () => FlushBatch.Current.Flush(Metrics);
    }

    public FakeMessageStore Store { get; }

    public FakeTimeProvider Time { get; }

    public EdgeMetrics Metrics { get; } = new();

    public EdgeLog Log { get; } = new(NullLogger<EdgeLog>.Instance);

    public RouteTable Routes { get; } = new();

    public RetainedMessages RetainedMessages { get; } = new();

    public ConnectionRegistry Connections { get; } = new();

    public SessionServices Services { get; }

    public SessionRegistry Sessions { get; }

    public MessageIds Ids { get; }

    public MessageRouter Router { get; }

    public PublishHandler Publish { get; }

    public PacketDispatcher Dispatcher { get; }

    public void Dispose() => _timer.Dispose();

    public ClientSession Session(string clientId, long id, bool durable, params SubscriptionRecord[] subscriptions)
    {
        var session = new ClientSession(clientId, id, Principal.Anonymous, Services) { Access = new ClientAccess(AccessControlList.Everything) };
        session.SetExpiry(durable ? 3600u : 0);
        foreach (var subscription in subscriptions)
        {
            Sessions.Subscribe(session, subscription);
        }

        return session;
    }

    /// <summary>A session as it is found in the store after a restart.</summary>
    public ClientSession Restored(string clientId, long id, params SubscriptionRecord[] subscriptions)
    {
        var session = Session(clientId, id, durable: true, subscriptions);
        if (Store.Size(id) is { } size)
        {
            session.LoadStored(size);
        }

        foreach (var packetId in Store.Inbound(id))
        {
            session.LoadInbound(packetId);
        }

        return session;
    }

    /// <summary>Puts the session on a new connection and redelivers.</summary>
    public MqttConnection Connect(ClientSession session, ITransport transport, int window = 10, ProtocolVersion version = ProtocolVersion.V311)
    {
        var connection = new MqttConnection(transport, Dispatcher, Metrics, Log, 8 * 1024 * 1024, 16384)
        {
            Session = session,
            Version = version,
            MaximumInboundPacketSize = Services.Limits.MaximumPacketSize,
        };
        Assert.True(session.Attach(connection, window, session.Epoch));
        Do(session.Resume);
        return connection;
    }

    /// <summary>Ends a session, with its routes.</summary>
    public void Remove(ClientSession session)
    {
        foreach (var subscription in session.Subscriptions.Values)
        {
            Routes.Remove(subscription);
        }

        session.Subscriptions.Clear();
        Do(session.End);
    }

    public void Do(Action<FlushBatch> work)
    {
        var batch = FlushBatch.Current;
        work(batch);
        batch.Flush(Metrics);
    }

    /// <summary>Whole packets from a client, handled as one read batch.</summary>
    public BatchEnd Receive(MqttConnection connection, byte[] packets)
    {
        var start = 0;
        var batch = FlushBatch.Current;
        var end = Dispatcher.Process(connection, packets, ref start, packets.Length, batch, out _);
        batch.Flush(Metrics);
        return end;
    }

    /// <summary>Commits everything until nothing is pending and no session reads its queue.</summary>
    public void Settle(params ClientSession[] sessions)
    {
        var deadline = Environment.TickCount64 + 10_000;
        do
        {
            Store.Commit();
            Assert.True(Environment.TickCount64 < deadline, "the store's queue is still being read");
            Thread.Yield();
        }
        while (Store.Pending > 0 || sessions.Any(IsLoading));
    }

    public ApplicationMessage Message(long id, string topic, string payload, QualityOfService qos) => new()
    {
        Id = id,
        Topic = Encoding.UTF8.GetBytes(topic),
        Payload = Encoding.UTF8.GetBytes(payload),
        QualityOfService = qos,
    };

    public static byte[] PublishPacket(string topic, string payload, int qos = 0, ushort id = 0, bool dup = false) => qos == 0
        ? Bytes.Packet(0x30, topic, Encoding.UTF8.GetBytes(payload))
        : Bytes.Packet(0x30 | (qos << 1) | (dup ? 8 : 0), topic, id >> 8, id & 255, Encoding.UTF8.GetBytes(payload));

    public static byte[] Ack(PacketType type, ushort id) => [(byte)((int)type << 4 | (type == PacketType.PubRel ? 2 : 0)), 2, (byte)(id >> 8), (byte)id];

    public static bool IsLoading(ClientSession session)
    {
        lock (session.Gate)
        {
            return Loading(session);
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_loading")]
    private static extern ref bool Loading(ClientSession session);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_running")]
    private static extern ref bool Running(AckOrPersistTimer timer);
}
