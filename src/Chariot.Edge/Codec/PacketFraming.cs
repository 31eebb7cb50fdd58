using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>Fixed headers: where a packet ends, and whether a client may send it.</summary>
internal static class PacketFraming
{
    /// <summary>Largest value of a Variable Byte Integer (section 1.5.5), and so of a Remaining Length.</summary>
    public const int MaximumRemainingLength = 268_435_455;

    /// <summary>
    /// Reads a fixed header. <paramref name="maximumPacketSize"/> bounds the whole packet, fixed header included, and is judged
    /// before the body has arrived. <paramref name="header"/> is set as soon as one byte is there.
    /// </summary>
    /// <param name="strictMinimalLength">
    /// Refuse a length that could be shorter: required by 5.0 only [MQTT-1.5.5-1]. The version of a CONNECT is known after its
    /// header: see <see cref="IsMinimal"/>.
    /// </param>
    public static FrameResult TryReadHeader(
        ReadOnlySpan<byte> buffer,
        int maximumPacketSize,
        bool strictMinimalLength,
        out byte header,
        out int headerLength,
        out int remainingLength)
    {
        headerLength = 0;
        remainingLength = 0;
        if (buffer.Length < 2)
        {
            header = buffer.IsEmpty ? (byte)0 : buffer[0];
            return FrameResult.Incomplete;
        }

        header = buffer[0];
        var length = 0;
        for (var i = 1; i < buffer.Length; i++)
        {
            var value = buffer[i];
            length |= (value & 0x7F) << (7 * (i - 1));
            if (value < 0x80)
            {
                headerLength = i + 1;
                remainingLength = length;
                if (strictMinimalLength && !IsMinimal(headerLength, length))
                {
                    return FrameResult.Malformed;
                }

                return length > maximumPacketSize - headerLength ? FrameResult.TooLarge : FrameResult.Ok;
            }

            if (i == 4)
            {
                return FrameResult.Malformed;
            }
        }

        return FrameResult.Incomplete;
    }

    /// <summary>Whether a Remaining Length was encoded in as few bytes as possible [MQTT-1.5.5-1].</summary>
    public static bool IsMinimal(int headerLength, int remainingLength) => headerLength == 1 + VariableSize((uint)remainingLength);

    /// <summary>Bytes of a Variable Byte Integer: 1 to 4.</summary>
    public static int VariableSize(uint value) => value switch
    {
        < 1 << 7 => 1,
        < 1 << 14 => 2,
        < 1 << 21 => 3,
        _ => 4,
    };

    /// <summary>
    /// Judges the first byte of a packet from a client: reserved flags and QoS 3 are malformed [MQTT-2.1.3-1] [MQTT-3.3.1-4], so is DUP with
    /// QoS 0 [MQTT-3.3.1-2]; packets that only a server sends are a protocol error. Type 15 exists in 5.0 only.
    /// </summary>
    public static ReasonCode CheckHeader(byte header, ProtocolVersion version)
    {
        var flags = header & 0x0F;
        switch ((PacketType)(header >> 4))
        {
            case PacketType.Publish:
                return (flags & 0b0110) == 0b0110 || (flags & 0b1110) == 0b1000 ? ReasonCode.MalformedPacket : ReasonCode.Success;

            case PacketType.PubRel or PacketType.Subscribe or PacketType.Unsubscribe:
                // MQTT 3.1 has a DUP flag here too (section 2.1).
                return flags == 0b0010 || (flags == 0b1010 && version == ProtocolVersion.V310) ? ReasonCode.Success : ReasonCode.MalformedPacket;

            case PacketType.Connect or PacketType.PubAck or PacketType.PubRec or PacketType.PubComp or PacketType.PingReq or PacketType.Disconnect:
                return flags == 0 ? ReasonCode.Success : ReasonCode.MalformedPacket;

            case PacketType.Auth:
                return version == ProtocolVersion.V500 && flags == 0 ? ReasonCode.Success : ReasonCode.MalformedPacket;

            case PacketType.ConnAck or PacketType.SubAck or PacketType.UnsubAck or PacketType.PingResp:
                return ReasonCode.ProtocolError;

            default:
                return ReasonCode.MalformedPacket;
        }
    }
}
