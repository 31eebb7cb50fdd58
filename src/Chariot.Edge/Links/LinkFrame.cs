using System.Buffers.Binary;

namespace Chariot.Edge.Links;

/// <summary>The two streams of frames between two edges. They are ordered each for itself; neither waits for the other.</summary>
internal enum LinkLane : byte
{
    /// <summary>Routes, settled publishes: small, never bounded by what clients publish.</summary>
    Control = 0,

    /// <summary>Messages.</summary>
    Data = 1,
}

/// <summary>
/// One frame, little-endian: magic (2), version (1), flags (1), generation of the source (4), sequence (8), length of the items (4),
/// items. An item is its length (4) and its bytes; one that does not fit into a frame is cut into frames of its own, all but the last
/// flagged <see cref="More"/>.
/// </summary>
internal readonly struct LinkFrame(byte flags, int generation, ulong sequence, ReadOnlyMemory<byte> items)
{
    public const int HeaderLength = 20;
    public const int MaximumItems = 64 * 1024 - HeaderLength;
    public const byte CurrentVersion = 1;
    private const ushort Magic = 0x4543;
    private const byte DataFlag = 1;
    private const byte More = 2;

    public LinkLane Lane => (LinkLane)(flags & DataFlag);

    /// <summary>A piece of an item whose end is in a later frame.</summary>
    public bool HasMore => (flags & More) != 0;

    public int Generation => generation;

    /// <summary>Position on its lane, from 1.</summary>
    public ulong Sequence => sequence;

    public ReadOnlyMemory<byte> Items => items;

    public static void WriteHeader(Span<byte> destination, LinkLane lane, bool more, int generation, ulong sequence, int length)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(destination, Magic);
        destination[2] = CurrentVersion;
        destination[3] = (byte)((byte)lane | (more ? More : 0));
        BinaryPrimitives.WriteInt32LittleEndian(destination[4..], generation);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], sequence);
        BinaryPrimitives.WriteInt32LittleEndian(destination[16..], length);
    }

    /// <summary>False when it is no frame, or of a version that this edge does not read.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, out LinkFrame frame)
    {
        frame = default;
        var header = bytes.Span;
        if (header.Length < HeaderLength
            || BinaryPrimitives.ReadUInt16LittleEndian(header) != Magic
            || header[2] != CurrentVersion
            || BinaryPrimitives.ReadInt32LittleEndian(header[16..]) != header.Length - HeaderLength)
        {
            return false;
        }

        frame = new LinkFrame(header[3], BinaryPrimitives.ReadInt32LittleEndian(header[4..]), BinaryPrimitives.ReadUInt64LittleEndian(header[8..]), bytes[HeaderLength..]);
        return true;
    }
}
