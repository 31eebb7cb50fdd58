using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Codec;
using Chariot.Edge.Tests.Kit;
using Chariot.Edge.Transports;

namespace Chariot.Edge.Tests.Packets;

/// <summary>Alone: other tests would take arrays out of the shared pool.</summary>
[Collection(nameof(Alone))]
public sealed class PublishAllocationTests : IDisposable
{
    private const int Messages = 100_000;
    private readonly EdgeKit _kit = new();

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(1, false)]
    [InlineData(20, false)]
    [InlineData(5, true)]
    public void Qos0_InSteadyState_AllocatesNothing(int subscribers, bool mixedVersions)
    {
        var sinks = new List<Sink>();
        for (var i = 0; i < subscribers; i++)
        {
            var sink = new Sink();
            sinks.Add(sink);
            // Identifiers and another version: copies that have to be encoded.
            var record = new SubscriptionRecord(i % 2 == 0 ? "t/#" : "t/+/x", QualityOfService.AtMostOnce) { SubscriptionIdentifier = mixedVersions ? (uint)i : 0 };
            _kit.Connect(_kit.Session($"s{i}", i + 10, false, record), sink, version: mixedVersions && i % 2 == 0 ? ProtocolVersion.V500 : ProtocolVersion.V311);
        }

        var session = _kit.Session("p", 1, false);
        session.Access = new ClientAccess(AccessControlList.Compile([.. Enumerable.Range(0, 18).Select(i => $"other/{i}/#"), "t/#", "!t/secret/#"], [], "p", null));
        var publisher = _kit.Connect(session, new Sink());
        byte[] batch = [.. Enumerable.Range(0, 100).SelectMany(i => EdgeKit.PublishPacket($"t/{i}/x", new string('p', 64)))];
        Run(publisher, batch, Messages);
        var before = sinks.Sum(sink => sink.Packets);

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        Run(publisher, batch, Messages);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;

        Assert.Equal(0, allocated);
        Assert.Equal((long)Messages * subscribers, sinks.Sum(sink => sink.Packets) - before);
    }

    [Fact]
    public void TopicAliases_InSteadyState_AllocateNothing()
    {
        var sink = new Sink();
        _kit.Connect(_kit.Session("s", 2, false, new SubscriptionRecord("t", QualityOfService.AtMostOnce)), sink, version: ProtocolVersion.V500);
        var publisher = _kit.Connect(_kit.Session("p", 1, false), new Sink(), version: ProtocolVersion.V500);
        publisher.Aliases = new byte[]?[5];
        Run(publisher, Bytes.Packet(0x30, "t", 3, 0x23, 0, 1, "m"u8.ToArray()), 1);
        byte[] batch = [.. Enumerable.Range(0, 100).SelectMany(_ => Bytes.Packet(0x30, "", 3, 0x23, 0, 1, "m"u8.ToArray()))];
        Run(publisher, batch, Messages);

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        Run(publisher, batch, Messages);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - allocated);
        Assert.True(sink.Packets > Messages);
    }

    [Theory]
    [InlineData(SharedSubscriptionStrategy.LeastLoaded)]
    [InlineData(SharedSubscriptionStrategy.RoundRobin)]
    [InlineData(SharedSubscriptionStrategy.HashByClient)]
    [InlineData(SharedSubscriptionStrategy.HashByTopic)]
    [InlineData(SharedSubscriptionStrategy.Sticky)]
    public void SharedSubscriptions_AndOutboundAliases_InSteadyState_AllocateNothing(SharedSubscriptionStrategy strategy)
    {
        _kit.Routes.Sharing.Strategy = strategy;
        var sinks = new List<Sink>();
        for (var i = 0; i < 5; i++)
        {
            var sink = new Sink();
            sinks.Add(sink);
            var filter = i < 4 ? "$share/g/topic/#" : "topic/#";
            var connection = _kit.Connect(_kit.Session($"s{i}", i + 10, false, new SubscriptionRecord(filter, QualityOfService.AtMostOnce)), sink, version: ProtocolVersion.V500);
            connection.Outbound.Aliases = TopicAliases.Create(20);
        }

        var publisher = _kit.Connect(_kit.Session("p", 1, false), new Sink(), version: ProtocolVersion.V500);
        byte[] batch = [.. Enumerable.Range(0, 100).SelectMany(i => Bytes.Packet(0x30, $"topic/{i % 50}", 0, new byte[64]))];
        Run(publisher, batch, Messages);
        var before = sinks.Sum(sink => sink.Packets);

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        Run(publisher, batch, Messages);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;

        Assert.Equal(0, allocated);
        Assert.Equal(Messages * 2L, sinks.Sum(sink => sink.Packets) - before);
    }

    private void Run(MqttConnection publisher, byte[] batch, int messages)
    {
        for (var sent = 0; sent < messages; sent += 100)
        {
            if (_kit.Receive(publisher, batch) != BatchEnd.NeedsMore)
            {
                // Not an assertion for every batch: that would allocate.
                Assert.Fail("the connection was closed");
            }
        }
    }

    /// <summary>Takes everything at once and counts packets.</summary>
    private sealed class Sink : ITransport
    {
        public long Packets { get; private set; }

        public string RemoteAddress => "127.0.0.1:1";

        public bool Secure => false;

        public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => throw new NotSupportedException();

        public ValueTask<int> SendAsync(ReadOnlyMemory<byte> buffer)
        {
            var rest = buffer.Span;
            while (!rest.IsEmpty)
            {
                PacketFraming.TryReadHeader(rest, int.MaxValue, false, out _, out var headerLength, out var remaining);
                rest = rest[(headerLength + remaining)..];
                Packets++;
            }

            return new ValueTask<int>(buffer.Length);
        }

        public void EndSending()
        {
        }

        public void Abort()
        {
        }
    }
}
