using System.Buffers.Binary;
using System.Text;

namespace Chariot.Edge.Codec;

/// <summary>
/// Writes fields of a packet one after another. Without a destination it only counts, so that the code that writes a part of a
/// packet also measures it.
/// </summary>
internal ref struct SpanWriter
{
    private readonly Span<byte> _destination;
    private readonly bool _counting;

    private SpanWriter(bool counting) => _counting = counting;

    /// <param name="destination">Large enough: measured before.</param>
    public SpanWriter(Span<byte> destination) => _destination = destination;

    public static SpanWriter Counting() => new(counting: true);

    /// <summary>Bytes written or counted.</summary>
    public int Length { get; private set; }

    /// <summary>Whether a text or binary field is longer than its two bytes of length can say.</summary>
    public bool TooLong { get; private set; }

    public void WriteByte(byte value)
    {
        if (!_counting)
        {
            _destination[Length] = value;
        }

        Length++;
    }

    public void WriteUInt16(ushort value)
    {
        if (!_counting)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_destination[Length..], value);
        }

        Length += 2;
    }

    public void WriteUInt32(uint value)
    {
        if (!_counting)
        {
            BinaryPrimitives.WriteUInt32BigEndian(_destination[Length..], value);
        }

        Length += 4;
    }

    /// <summary>A Variable Byte Integer in its shortest form.</summary>
    public void WriteVariable(uint value)
    {
        while (value >= 0x80)
        {
            WriteByte((byte)(value | 0x80));
            value >>= 7;
        }

        WriteByte((byte)value);
    }

    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        if (!_counting)
        {
            value.CopyTo(_destination[Length..]);
        }

        Length += value.Length;
    }

    public void WriteBinary(ReadOnlySpan<byte> value)
    {
        TooLong |= value.Length > ushort.MaxValue;
        WriteUInt16((ushort)value.Length);
        WriteBytes(value);
    }

    public void WriteText(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        TooLong |= length > ushort.MaxValue;
        WriteUInt16((ushort)length);
        if (!_counting)
        {
            Encoding.UTF8.GetBytes(value, _destination[Length..]);
        }

        Length += length;
    }

    public void WriteBoolean(byte property, bool? value)
    {
        if (value is { } given)
        {
            WriteByte(property);
            WriteByte(given ? (byte)1 : (byte)0);
        }
    }

    public void WriteUInt16(byte property, ushort? value)
    {
        if (value is { } given)
        {
            WriteByte(property);
            WriteUInt16(given);
        }
    }

    public void WriteUInt32(byte property, uint? value)
    {
        if (value is { } given)
        {
            WriteByte(property);
            WriteUInt32(given);
        }
    }

    public void WriteText(byte property, string? value)
    {
        if (value is not null)
        {
            WriteByte(property);
            WriteText(value);
        }
    }
}
