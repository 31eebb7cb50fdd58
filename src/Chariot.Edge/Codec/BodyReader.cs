using System.Buffers.Binary;

namespace Chariot.Edge.Codec;

/// <summary>
/// Reads the fields of one packet body from front to back. A method that answers false has found the packet malformed; nothing
/// is copied, and no declared length is trusted before it is compared with what is there.
/// </summary>
internal ref struct BodyReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    /// <summary>What has not been read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    public readonly bool AtEnd => _rest.IsEmpty;

    public bool TryReadByte(out byte value)
    {
        if (_rest.IsEmpty)
        {
            value = 0;
            return false;
        }

        value = _rest[0];
        _rest = _rest[1..];
        return true;
    }

    public bool TryReadUInt16(out ushort value)
    {
        if (!BinaryPrimitives.TryReadUInt16BigEndian(_rest, out value))
        {
            return false;
        }

        _rest = _rest[2..];
        return true;
    }

    public bool TryReadUInt32(out uint value)
    {
        if (!BinaryPrimitives.TryReadUInt32BigEndian(_rest, out value))
        {
            return false;
        }

        _rest = _rest[4..];
        return true;
    }

    /// <summary>A Variable Byte Integer in its shortest form [MQTT-1.5.5-1]; bodies have them in 5.0 only.</summary>
    public bool TryReadVariable(out uint value)
    {
        value = 0;
        for (var i = 0; i < 4 && i < _rest.Length; i++)
        {
            var next = _rest[i];
            value |= (uint)(next & 0x7F) << (7 * i);
            if (next < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return i == 0 || next != 0;
            }
        }

        return false;
    }

    /// <summary>Two bytes of length and that many bytes.</summary>
    public bool TryReadBinary(out ReadOnlySpan<byte> value)
    {
        if (!BinaryPrimitives.TryReadUInt16BigEndian(_rest, out var length) || _rest.Length - 2 < length)
        {
            value = default;
            return false;
        }

        value = _rest.Slice(2, length);
        _rest = _rest[(2 + length)..];
        return true;
    }

    /// <summary>The same, as valid text.</summary>
    public bool TryReadText(out ReadOnlySpan<byte> value) => TryReadBinary(out value) && Utf8Text.IsValid(value);

    /// <summary>A Property Length and that many bytes, not looked at yet.</summary>
    public bool TryReadPropertyBlock(out ReadOnlySpan<byte> block)
    {
        if (!TryReadVariable(out var length) || (uint)_rest.Length < length)
        {
            block = default;
            return false;
        }

        block = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return true;
    }
}
