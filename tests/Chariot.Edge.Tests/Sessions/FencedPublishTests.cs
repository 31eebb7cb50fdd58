using System.Collections.Immutable;
using System.Net;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Codec;
using Chariot.Edge.Tests.Kit;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Runtime;

namespace Chariot.Edge.Tests.Sessions;

/// <summary>A publish to a session that the store knows to be another silo's: neither acknowledged nor refused, so that its client repeats it.</summary>
public sealed class FencedPublishTests : IDisposable
{
    private const long Moved = 7;
    private const long Stays = 8;

    private readonly EdgeKit _kit = new();
    private readonly ScriptedTransport _wire = new();

    public FencedPublishTests()
    {
        _kit.Services.OnFenced = (session, batch) => _kit.Sessions.Release(session, batch);
        Subscriber("moved", Moved).FenceEpoch = 1;
        Subscriber("stays", Stays);
    }

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(2, false)]
    public void IsNotAnswered_AndItsPublisherIsCutOff(int qos, bool is5)
    {
        var version = is5 ? ProtocolVersion.V500 : ProtocolVersion.V311;
        var publisher = Publisher();
        var connection = _kit.Connect(publisher, _wire, version: version);
        TakeElsewhere();

        _kit.Receive(connection, Publish(qos, version));
        _kit.Settle();

        Assert.Equal(ReasonCode.ImplementationSpecificError, connection.CloseReason);
        var sent = SentPacket.Parse(_wire.TakeSent()).Select(packet => packet.Type);
        Assert.Equal(is5 ? [PacketType.Disconnect] : [], sent);
        Assert.Empty(_kit.Store.Rows(Moved));
        Assert.Null(_kit.Sessions.Find("moved"));
    }

    [Fact]
    public void Repeated_AQos2PublishComes_AndComesOnceToTheOthers()
    {
        var publisher = Publisher();
        var first = _kit.Connect(publisher, _wire, version: ProtocolVersion.V500);
        TakeElsewhere();
        _kit.Receive(first, Publish(2, ProtocolVersion.V500));
        _kit.Settle();
        Assert.Empty(_kit.Store.Inbound(publisher.SessionId));
        Assert.Empty(_kit.Store.Rows(Stays));

        var again = _kit.Connect(publisher, _wire, version: ProtocolVersion.V500);
        _wire.TakeSent();
        _kit.Receive(again, Publish(2, ProtocolVersion.V500, dup: true));
        _kit.Settle();

        Assert.Equal(PacketType.PubRec, Assert.Single(SentPacket.Parse(_wire.TakeSent())).Type);
        Assert.Single(_kit.Store.Rows(Stays));
        Assert.Equal<ushort>([3], _kit.Store.Inbound(publisher.SessionId));
    }

    /// <summary>At QoS 1 those who could have it have it; again after the repetition, which QoS 1 allows.</summary>
    [Fact]
    public void AtQos1_TheOthersHaveIt()
    {
        var connection = _kit.Connect(Publisher(), _wire, version: ProtocolVersion.V500);
        TakeElsewhere();

        _kit.Receive(connection, Publish(1, ProtocolVersion.V500));
        _kit.Settle();

        Assert.Single(_kit.Store.Rows(Stays));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void WhatTheStoreCannotTake_IsRefused(int qos)
    {
        var connection = _kit.Connect(Publisher(), _wire, version: ProtocolVersion.V500);
        _kit.Store.Fails = work => work is DeliveryWork;

        _kit.Receive(connection, Publish(qos, ProtocolVersion.V500));
        _kit.Settle();

        var answer = _wire.TakeSent();
        Assert.Equal((byte)ReasonCode.QuotaExceeded, answer[4]);
        Assert.Null(connection.CloseReason);
    }

    /// <summary>Its rows were refused at the other silo.</summary>
    [Fact]
    public void SettledSoByAnotherSilo_ThePublisherIsCutOffAsWell()
    {
        var publisher = Publisher();
        var connection = _kit.Connect(publisher, _wire, version: ProtocolVersion.V500);
        var link = new OneWayLink();
        var there = new Peer(SiloAddress.New(IPAddress.Loopback, 2, 1), link, 1, null!, _kit.Time, new PeerLog(NullLogger<PeerLog>.Instance), work => work());
        var ticket = new PeerTicket(there, 5);
        ticket.Fail(PublishTicket.NotTaken);
        _kit.Do(ticket.Complete);

        var (id, reason) = LinkItem.ReadSettled(link.Items.AsSpan(sizeof(int)));
        _kit.Do(batch => new RemotePublish(new ClientPublishTicket(publisher, connection, 3), _kit.Message(1, "t/1", "m", QualityOfService.AtLeastOnce), LinkMessageFlags.Deliver, null).Settle(reason, batch));

        Assert.Equal(5UL, id);
        Assert.Equal(ReasonCode.ImplementationSpecificError, connection.CloseReason);
        Assert.Equal(PacketType.Disconnect, Assert.Single(SentPacket.Parse(_wire.TakeSent())).Type);
    }

    private static byte[] Publish(int qos, ProtocolVersion version, bool dup = false) => version == ProtocolVersion.V500
        ? Bytes.Packet(0x30 | (qos << 1) | (dup ? 8 : 0), "t/1", 0, 3, 0, "m"u8.ToArray())
        : EdgeKit.PublishPacket("t/1", "m", qos, 3, dup);

    private ClientSession Publisher() => _kit.Session("publisher", 1, durable: true);

    private ClientSession Subscriber(string clientId, long id)
    {
        var opened = new OpenSessionResult(ReasonCode.Success, 1, id, false, [new("t/#", QualityOfService.ExactlyOnce)], 0);
        var session = _kit.Sessions.Open(clientId, Principal.Anonymous, opened, 3600, arrives: false, FlushBatch.Current);
        session.Access = new ClientAccess(AccessControlList.Everything);
        return session;
    }

    /// <summary>What its new owner does first.</summary>
    private void TakeElsewhere()
    {
        _kit.Store.Submit(new RowWork(_kit.Services, transaction => transaction.Fence(Moved, 2)));
        _kit.Store.Commit();
    }

    private sealed class OneWayLink : IPeerLink
    {
        public byte[] Items { get; private set; } = [];

        public Task<LinkReply> SendAsync(ReadOnlyMemory<byte> frame)
        {
            Assert.True(LinkFrame.TryRead(frame, out var read));
            Items = read.Items.ToArray();
            return Task.FromResult(new LinkReply(LinkStatus.Applied, 0));
        }

        public Task HelloAsync() => throw new NotSupportedException();

        public Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard) => throw new NotSupportedException();

        public Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch) => throw new NotSupportedException();
    }
}
