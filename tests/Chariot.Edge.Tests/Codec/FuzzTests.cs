using Chariot.Abstractions;
using Chariot.Edge.Codec;
using static Chariot.Edge.Tests.Codec.Bytes;

namespace Chariot.Edge.Tests.Codec;

public sealed class FuzzTests
{
    private const int Mutations = 200_000;

    private static readonly ProtocolVersion[] Versions = [ProtocolVersion.V311, ProtocolVersion.V500];

    private static readonly byte[][] Corpus =
    [
        Packet(0x10, "MQTT", 4, 0xEE, 0, 60, "client", "will/topic", "payload", "user", "password"),
        Packet(
            0x10, "MQTT", 5, 0xEE, 0, 60, Block(0x11, 0, 0, 1, 0, 0x21, 0, 9, 0x27, 0, 0, 9, 9, 0x22, 0, 5, 0x17, 1, 0x19, 1, 0x15, "m", 0x16, "d", 0x26, "k", "v"),
            "client", Block(0x18, 0, 0, 0, 1, 0x01, 1, 0x02, 0, 0, 0, 9, 0x03, "c", 0x08, "r", 0x09, "d", 0x26, "k", "v"), "will/topic", "payload", "user", "password"),
        Packet(0x10, "MQIsdp", 3, 0x02, 0, 60, "client"),
        Packet(0x30, "a/töpf/c", new byte[20]),
        Packet(0x3B, "a/b/c", 0, 7, new byte[20]),
        Packet(0x35, "a/b/c", 0, 7, Block(0x01, 1, 0x02, 0, 0, 0, 9, 0x26, "k", "v", 0x23, 0, 1, 0x03, "c", 0x08, "r", 0x09, "d"), new byte[20]),
        Packet(0x30, "", Block(0x23, 0, 1), new byte[200]),
        Packet(0x40, 0, 7),
        Packet(0x50, 0, 7, 0x97, Block(0x1F, "why", 0x26, "k", "v")),
        Packet(0x62, 0, 7, 0x92),
        Packet(0x70, 0, 7, 0),
        Packet(0x82, 0, 7, "a/+", 1, "$share/g/t", 0),
        Packet(0x82, 0, 7, Block(0x0B, 0x80, 0x01, 0x26, "k", "v"), "a/+", 0x2D, "b/#", 2),
        Packet(0xA2, 0, 7, "a/+", "b"),
        Packet(0xA2, 0, 7, Block(0x26, "k", "v"), "a/+", "b"),
        Packet(0xC0),
        Packet(0xE0),
        Packet(0xE0, 0x04, Block(0x11, 0, 0, 0, 9, 0x1F, "why")),
        Packet(0xF0, 0x18, Block(0x15, "m", 0x16, "data", 0x1F, "why", 0x26, "k", "v")),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(20_260_101)]
    public void MutatedPackets_NeverThrow_AndAreDecidedAlikeTwice(int seed)
    {
        var random = new Random(seed);
        var refused = 0;
        var buffer = new byte[4096];
        for (var i = 0; i < Mutations / 2; i++)
        {
            var length = Mutate(Corpus[random.Next(Corpus.Length)], buffer, random);
            foreach (var version in Versions)
            {
                try
                {
                    var reason = Dispatch.Decode(buffer.AsSpan(0, length), version);
                    // Whatever lies behind the packet in the buffer must not matter.
                    var exact = buffer.AsSpan(0, length).ToArray();
                    Assert.Equal(reason, Dispatch.Decode(exact, version));
                    refused += reason is null or ReasonCode.Success ? 0 : 1;
                }
                catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
                {
                    Assert.Fail($"seed {seed}, {version}, {Convert.ToHexString(buffer, 0, length)}: {exception}");
                }
            }
        }

        Assert.InRange(refused, Mutations / 4, Mutations * 9 / 10);
    }

    [Fact]
    public void ViewsOfMutatedPublishes_CanAllBeUsed()
    {
        var random = new Random(7);
        var buffer = new byte[4096];
        var accepted = 0;
        var publishes = Corpus.Where(packet => packet[0] >> 4 == 3).ToArray();
        for (var i = 0; i < Mutations / 4; i++)
        {
            var length = Mutate(publishes[random.Next(publishes.Length)], buffer, random);
            if (length < 2 || PublishReader.TryRead(buffer[0], buffer.AsSpan(2, length - 2), ProtocolVersion.V500, out var view) != ReasonCode.Success)
            {
                continue;
            }

            accepted++;
            var properties = new byte[view.PropertiesLength];
            Assert.Equal(properties.Length, view.CopyProperties(properties));
            if (view.HasContiguousProperties)
            {
                Assert.True(view.Properties.SequenceEqual(properties));
            }

            // What is forwarded is itself acceptable and loses nothing more.
            var size = PublishWriter.GetSize(ProtocolVersion.V500, 1, view.Qos, properties.Length, false, [], view.Payload.Length);
            var written = new byte[size];
            Assert.Equal(
                size,
                PublishWriter.Write(written, ProtocolVersion.V500, "t"u8, view.Qos, false, view.Retain, 1, properties, null, [], view.Payload, out _));
            Assert.Equal(FrameResult.Ok, PacketFraming.TryReadHeader(written, int.MaxValue, true, out var header, out var headerLength, out _));
            Assert.Equal(ReasonCode.Success, PublishReader.TryRead(header, written.AsSpan(headerLength), ProtocolVersion.V500, out var again));
            Assert.True(again.Properties.SequenceEqual(properties));
            Assert.True(again.Payload.SequenceEqual(view.Payload));
        }

        Assert.True(accepted > 5_000, $"only {accepted} were accepted");
    }

    [Fact]
    public void Packets_CutAtEveryByte_AreIncompleteUntilTheirLast()
    {
        foreach (var packet in Corpus)
        {
            foreach (var version in Versions)
            {
                for (var cut = 0; cut < packet.Length; cut++)
                {
                    Assert.Null(Dispatch.Decode(packet.AsSpan(0, cut), version));
                }

                Assert.NotNull(Dispatch.Decode(packet, version));
            }
        }
    }

    [Fact]
    public void Bodies_CutAtEveryByte_AreNeverReadAsWhole()
    {
        // Packets without a payload that runs to the end: none of their beginnings is a packet, but for optional trailing parts.
        foreach (var packet in Corpus.Where(packet => packet[0] >> 4 is 1 or 8))
        {
            var version = packet[0] >> 4 == 1 || packet[4] != 0 ? ProtocolVersion.V500 : ProtocolVersion.V311;
            Assert.Equal(FrameResult.Ok, PacketFraming.TryReadHeader(packet, int.MaxValue, true, out _, out var headerLength, out _));
            for (var cut = headerLength; cut < packet.Length; cut++)
            {
                var body = packet.AsSpan(headerLength..cut);
                var reason = packet[0] >> 4 == 1 ? PacketDecoder.DecodeConnect(body, out _) : PacketDecoder.DecodeSubscribe(body, version, out _);
                if (reason == ReasonCode.Success)
                {
                    // Only a SUBSCRIBE cut between two filters.
                    Assert.Equal(0x82, packet[0]);
                }
            }
        }
    }

    /// <summary>The corpus is good as it is, or the mutations would start from nothing.</summary>
    [Fact]
    public void Corpus_IsAccepted()
    {
        Assert.All(Corpus, packet => Assert.Contains(ReasonCode.Success, Versions.Select(version => Dispatch.Decode(packet, version)).OfType<ReasonCode>()));
    }

    private static int Mutate(byte[] packet, byte[] buffer, Random random)
    {
        packet.CopyTo(buffer, 0);
        random.NextBytes(buffer.AsSpan(packet.Length, 64));
        var length = packet.Length;
        for (var change = random.Next(4); change >= 0; change--)
        {
            var at = random.Next(length);
            switch (random.Next(6))
            {
                case 0:
                    buffer[at] = (byte)random.Next(256);
                    break;
                case 1:
                    buffer[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    buffer[at] = (byte)"\0\u0001\u007f\u0080\u00ff+#/$&"[random.Next(10)];
                    break;
                case 3:
                    // Insert.
                    buffer.AsSpan(at, length - at).CopyTo(buffer.AsSpan(at + 1));
                    length++;
                    break;
                case 4 when length > 2:
                    // Remove.
                    buffer.AsSpan(at + 1, length - at - 1).CopyTo(buffer.AsSpan(at));
                    length--;
                    break;
                default:
                    // Repeat a piece.
                    var piece = buffer.AsSpan(at, Math.Min(length - at, 12));
                    piece.CopyTo(buffer.AsSpan(length));
                    length += piece.Length;
                    break;
            }
        }

        // Most lengths are repaired, so that decoders are reached and not only framing.
        if (length is >= 2 and < 130 && random.Next(8) != 0)
        {
            buffer[1] = (byte)(length - 2);
        }

        return length;
    }
}
