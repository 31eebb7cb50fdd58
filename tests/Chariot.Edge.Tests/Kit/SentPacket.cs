using System.Text;
using Chariot.Edge.Codec;

namespace Chariot.Edge.Tests.Kit;

/// <summary>A 3.1.1 packet that the broker sent, as far as tests look at it.</summary>
internal sealed record SentPacket(PacketType Type, byte Flags, ushort Id, string Topic, string Payload)
{
    public bool Dup => (Flags & 0x08) != 0;

    public int Qos => Flags >> 1 & 3;

    public static List<SentPacket> Parse(ReadOnlySpan<byte> bytes)
    {
        var packets = new List<SentPacket>();
        while (!bytes.IsEmpty)
        {
            Assert.Equal(FrameResult.Ok, PacketFraming.TryReadHeader(bytes, int.MaxValue, true, out var header, out var headerLength, out var remaining));
            var body = bytes.Slice(headerLength, remaining);
            packets.Add((PacketType)(header >> 4) == PacketType.Publish ? Publish(header, body) : Other(header, body));
            bytes = bytes[(headerLength + remaining)..];
        }

        return packets;
    }

    public override string ToString() => $"{Type}{(Dup ? "!" : "")} {Id} {Payload}".Trim();

    private static SentPacket Other(byte header, ReadOnlySpan<byte> body) =>
        new((PacketType)(header >> 4), (byte)(header & 15), body.Length >= 2 ? (ushort)((body[0] << 8) | body[1]) : (ushort)0, "", "");

    private static SentPacket Publish(byte header, ReadOnlySpan<byte> body)
    {
        var topic = (body[0] << 8) | body[1];
        var name = Encoding.UTF8.GetString(body.Slice(2, topic));
        body = body[(2 + topic)..];
        ushort id = 0;
        if ((header & 6) != 0)
        {
            id = (ushort)((body[0] << 8) | body[1]);
            body = body[2..];
        }

        return new SentPacket(PacketType.Publish, (byte)(header & 15), id, name, Encoding.UTF8.GetString(body));
    }
}
