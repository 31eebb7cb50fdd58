using System.Buffers.Binary;
using System.Text;

namespace Chariot.Edge.Links;

[Flags]
internal enum LinkMessageFlags : byte
{
    None = 0,

    /// <summary>To be delivered to the matching sessions of the receiver.</summary>
    Deliver = 1,

    /// <summary>To be retained, or with an empty payload to clear its topic.</summary>
    Retain = 2,

    /// <summary>
    /// Was under way to a silo that died, whose address stands in place of the share keys: only for the sessions that the receiver
    /// adopted from it.
    /// </summary>
    Adopted = 4,
}

/// <summary>
/// A message on its way to a peer: kind (1), <see cref="LinkMessageFlags"/> (1), settle id (8; 0: nobody waits), message id (8),
/// client id of the publisher (2 + n), share keys whose member the receiver chooses (count 1, each 2 + n), then the PUBLISH as MQTT
/// 5.0 encodes it: first byte (1) and what follows the Remaining Length. Its packet id means nothing; its Message Expiry Interval is
/// what remains.
/// </summary>
internal readonly ref struct LinkMessage
{
    private const int FixedLength = 18;

    private LinkMessage(LinkMessageFlags flags, ulong settleId, long id, ReadOnlySpan<byte> publisher, ReadOnlySpan<byte> shares, ReadOnlySpan<byte> packet)
    {
        Flags = flags;
        SettleId = settleId;
        Id = id;
        Publisher = publisher;
        Shares = shares;
        Packet = packet;
    }

    public LinkMessageFlags Flags { get; }

    public ulong SettleId { get; }

    public long Id { get; }

    public ReadOnlySpan<byte> Publisher { get; }

    /// <summary>Encoded share keys; see <see cref="ReadShares"/>.</summary>
    public ReadOnlySpan<byte> Shares { get; }

    /// <summary>First byte and body of the PUBLISH, without the Remaining Length.</summary>
    public ReadOnlySpan<byte> Packet { get; }

    /// <summary>Writes an item around <paramref name="packet"/>, a whole MQTT 5.0 PUBLISH; returns its length.</summary>
    public static int Write(ref byte[] destination, LinkMessageFlags flags, ulong settleId, long id, string publisher, List<string>? shares, ReadOnlySpan<byte> packet)
    {
        var size = FixedLength + 3 + Encoding.UTF8.GetMaxByteCount(publisher.Length) + packet.Length;
        foreach (var share in shares ?? [])
        {
            size += 2 + Encoding.UTF8.GetMaxByteCount(share.Length);
        }

        if (destination.Length < size)
        {
            destination = new byte[Math.Max(size, destination.Length * 2)];
        }

        var bytes = destination.AsSpan();
        bytes[0] = (byte)LinkItemKind.Message;
        bytes[1] = (byte)flags;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[2..], settleId);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[10..], id);
        var position = FixedLength + WriteText(bytes[FixedLength..], publisher);
        bytes[position++] = (byte)Math.Min(shares?.Count ?? 0, byte.MaxValue);
        for (var i = 0; i < (shares?.Count ?? 0) && i < byte.MaxValue; i++)
        {
            position += WriteText(bytes[position..], shares![i]);
        }

        bytes[position++] = packet[0];
        var body = BodyOf(packet);
        body.CopyTo(bytes[position..]);
        return position + body.Length;
    }

    /// <summary>Puts another settle id into a written item.</summary>
    public static void SetSettleId(Span<byte> item, ulong settleId) => BinaryPrimitives.WriteUInt64LittleEndian(item[2..], settleId);

    public static LinkMessage Read(ReadOnlySpan<byte> item)
    {
        var position = FixedLength;
        var publisher = ReadText(item, ref position);
        var start = position;
        int count = item[position++];
        for (var i = 0; i < count; i++)
        {
            ReadText(item, ref position);
        }

        return new LinkMessage(
            (LinkMessageFlags)item[1],
            BinaryPrimitives.ReadUInt64LittleEndian(item[2..]),
            BinaryPrimitives.ReadInt64LittleEndian(item[10..]),
            publisher,
            item[start..position],
            item[position..]);
    }

    public List<string>? ReadShares()
    {
        if (Shares[0] == 0)
        {
            return null;
        }

        var keys = new List<string>(Shares[0]);
        var position = 1;
        for (var i = 0; i < Shares[0]; i++)
        {
            keys.Add(Encoding.UTF8.GetString(ReadText(Shares, ref position)));
        }

        return keys;
    }

    private static ReadOnlySpan<byte> BodyOf(ReadOnlySpan<byte> packet)
    {
        // The Remaining Length is 1 to 4 bytes; all but the last have the high bit.
        var position = 1;
        while ((packet[position] & 0x80) != 0)
        {
            position++;
        }

        return packet[(position + 1)..];
    }

    private static int WriteText(Span<byte> destination, string text)
    {
        var length = Encoding.UTF8.GetBytes(text, destination[2..]);
        BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)length);
        return length + 2;
    }

    private static ReadOnlySpan<byte> ReadText(ReadOnlySpan<byte> bytes, scoped ref int position)
    {
        var length = BinaryPrimitives.ReadUInt16LittleEndian(bytes[position..]);
        var text = bytes.Slice(position + 2, length);
        position += 2 + length;
        return text;
    }
}
