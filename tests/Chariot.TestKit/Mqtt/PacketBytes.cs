using System.Buffers.Binary;
using System.Text;

namespace Chariot.TestKit.Mqtt;

/// <summary>
/// Appends MQTT's primitive types to a byte list. It checks nothing, so that a test can build what no client would send.
/// </summary>
public sealed class PacketBytes
{
    private readonly List<byte> _bytes = [];

    public PacketBytes Byte(int value)
    {
        _bytes.Add((byte)value);
        return this;
    }

    public PacketBytes TwoBytes(int value)
    {
        Span<byte> buffer = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)value);
        return Raw(buffer);
    }

    public PacketBytes FourBytes(uint value)
    {
        Span<byte> buffer = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(buffer, value);
        return Raw(buffer);
    }

    /// <summary>Variable byte integer, shortest form.</summary>
    public PacketBytes VarInt(int value)
    {
        do
        {
            var digit = value & 0x7F;
            value >>= 7;
            _bytes.Add((byte)(value > 0 ? digit | 0x80 : digit));
        }
        while (value > 0);
        return this;
    }

    public PacketBytes Text(string value) => Binary(Encoding.UTF8.GetBytes(value));

    /// <summary>Two-byte length and the bytes.</summary>
    public PacketBytes Binary(ReadOnlySpan<byte> value) => TwoBytes(value.Length).Raw(value);

    public PacketBytes Raw(ReadOnlySpan<byte> value)
    {
        _bytes.AddRange(value);
        return this;
    }

    /// <summary>Length as a variable byte integer, then the bytes: how properties travel.</summary>
    public PacketBytes Properties(PacketBytes? properties)
    {
        var bytes = properties?.ToArray() ?? [];
        return VarInt(bytes.Length).Raw(bytes);
    }

    public byte[] ToArray() => [.. _bytes];

    /// <summary>A whole packet: first byte, remaining length, body.</summary>
    public byte[] ToPacket(int firstByte) => new PacketBytes().Byte(firstByte).VarInt(_bytes.Count).Raw(ToArray()).ToArray();

    public byte[] ToPacket(PacketType type, int flags = 0) => ToPacket(((int)type << 4) | flags);
}
