using System.Runtime.InteropServices;
using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>
/// Writes the control packets of a server, PUBLISH aside. Each method returns the packet's length, or 0 when it does not fit in
/// the destination; then nothing useful has been written. A Reason String is left out when only that makes the packet fit, so a
/// destination cut to the client's Maximum Packet Size keeps [MQTT-3.1.2-24]. Allocates nothing.
/// </summary>
internal static class PacketWriter
{
    /// <summary>A destination of this size holds an acknowledgement, PINGRESP or DISCONNECT without texts.</summary>
    public const int ShortPacketSize = 8;

    /// <summary>CONNACK. Returns 0 also for what 3.1.1 answers by closing only; see <see cref="ReturnCodes.OfConnAck"/>.</summary>
    public static int WriteConnAck(Span<byte> destination, ProtocolVersion version, ReasonCode reason, bool sessionPresent, in ConnAckProperties properties)
    {
        // [MQTT-3.2.2-6]: a refusal has no session.
        var flags = sessionPresent && reason == ReasonCode.Success ? (byte)1 : (byte)0;
        if (version != ProtocolVersion.V500)
        {
            if (ReturnCodes.OfConnAck(reason) is not { } code || destination.Length < 4)
            {
                return 0;
            }

            destination[0] = (int)PacketType.ConnAck << 4;
            destination[1] = 2;
            // Session Present came with 3.1.1; in 3.1 this byte is reserved.
            destination[2] = version == ProtocolVersion.V310 ? (byte)0 : flags;
            destination[3] = code;
            return 4;
        }

        var counter = SpanWriter.Counting();
        WriteProperties(ref counter, properties);
        var body = 2 + PacketFraming.VariableSize((uint)counter.Length) + counter.Length;
        if (counter.TooLong || SizeOf(body) > destination.Length)
        {
            return properties.ReasonString is null ? 0 : WriteConnAck(destination, version, reason, sessionPresent, properties with { ReasonString = null });
        }

        var writer = new SpanWriter(destination);
        writer.WriteByte((int)PacketType.ConnAck << 4);
        writer.WriteVariable((uint)body);
        writer.WriteByte(flags);
        writer.WriteByte((byte)reason);
        writer.WriteVariable((uint)counter.Length);
        WriteProperties(ref writer, properties);
        return writer.Length;
    }

    /// <summary>PUBACK, PUBREC, PUBREL or PUBCOMP; 3.1.1 has no reason in them.</summary>
    public static int WriteAck(Span<byte> destination, PacketType type, ProtocolVersion version, ushort packetId, ReasonCode reason = ReasonCode.Success, string? reasonString = null)
    {
        var header = (byte)((int)type << 4 | (type == PacketType.PubRel ? 0b0010 : 0));
        return version == ProtocolVersion.V500 && (reason != ReasonCode.Success || reasonString is not null)
            ? WriteWithReason(destination, header, packetId, reason, reasonString, null)
            : WriteWithReason(destination, header, packetId, ReasonCode.Success, null, null);
    }

    public static int WriteSubAck(Span<byte> destination, ProtocolVersion version, ushort packetId, ReadOnlySpan<ReasonCode> reasons, string? reasonString = null)
    {
        var start = WriteFilterAckStart(destination, PacketType.SubAck, version, packetId, reasons.Length, reasonString);
        if (start == 0)
        {
            return 0;
        }

        var codes = destination.Slice(start, reasons.Length);
        MemoryMarshal.AsBytes(reasons).CopyTo(codes);
        if (version != ProtocolVersion.V500)
        {
            for (var i = 0; i < codes.Length; i++)
            {
                codes[i] = ReturnCodes.OfSubAck(reasons[i]);
            }
        }

        return start + reasons.Length;
    }

    public static int WriteUnsubAck(Span<byte> destination, ProtocolVersion version, ushort packetId, ReadOnlySpan<ReasonCode> reasons, string? reasonString = null)
    {
        // 3.1.1 section 3.11: no payload.
        var codes = version == ProtocolVersion.V500 ? MemoryMarshal.AsBytes(reasons) : [];
        var start = WriteFilterAckStart(destination, PacketType.UnsubAck, version, packetId, codes.Length, reasonString);
        if (start == 0)
        {
            return 0;
        }

        codes.CopyTo(destination[start..]);
        return start + codes.Length;
    }

    public static int WritePingResp(Span<byte> destination)
    {
        if (destination.Length < 2)
        {
            return 0;
        }

        destination[0] = (int)PacketType.PingResp << 4;
        destination[1] = 0;
        return 2;
    }

    /// <summary>DISCONNECT, 5.0 only: a 3.1.1 server just closes. Never carries a session expiry [MQTT-3.14.2-2].</summary>
    public static int WriteDisconnect(Span<byte> destination, ReasonCode reason, string? reasonString = null, string? serverReference = null) =>
        WriteWithReason(destination, (int)PacketType.Disconnect << 4, 0, reason, reasonString, serverReference);

    /// <summary>AUTH, 5.0 only.</summary>
    public static int WriteAuth(Span<byte> destination, ReasonCode reason, string method, ReadOnlySpan<byte> data, string? reasonString = null)
    {
        var counter = SpanWriter.Counting();
        WriteAuthProperties(ref counter, method, data, reasonString);
        var body = 1 + PacketFraming.VariableSize((uint)counter.Length) + counter.Length;
        if (counter.TooLong || SizeOf(body) > destination.Length)
        {
            return reasonString is null ? 0 : WriteAuth(destination, reason, method, data);
        }

        var writer = new SpanWriter(destination);
        writer.WriteByte((int)PacketType.Auth << 4);
        writer.WriteVariable((uint)body);
        writer.WriteByte((byte)reason);
        writer.WriteVariable((uint)counter.Length);
        WriteAuthProperties(ref writer, method, data, reasonString);
        return writer.Length;
    }

    private static int SizeOf(int body) => 1 + PacketFraming.VariableSize((uint)body) + body;

    private static void WriteAuthProperties(ref SpanWriter writer, string method, ReadOnlySpan<byte> data, string? reasonString)
    {
        writer.WriteText(PropertyId.AuthenticationMethod, method);
        writer.WriteByte(PropertyId.AuthenticationData);
        writer.WriteBinary(data);
        writer.WriteText(PropertyId.ReasonString, reasonString);
    }

    /// <summary>Reason and properties are each left out when they say nothing (sections 3.4.2.1, 3.14.2.1).</summary>
    private static int WriteWithReason(Span<byte> destination, byte header, ushort packetId, ReasonCode reason, string? reasonString, string? serverReference)
    {
        var counter = SpanWriter.Counting();
        counter.WriteText(PropertyId.ReasonString, reasonString);
        counter.WriteText(PropertyId.ServerReference, serverReference);
        var body = packetId == 0 ? 0 : 2;
        if (counter.Length > 0)
        {
            body += 1 + PacketFraming.VariableSize((uint)counter.Length) + counter.Length;
        }
        else if (reason != ReasonCode.Success)
        {
            body++;
        }

        if (counter.TooLong || SizeOf(body) > destination.Length)
        {
            // First what explains, then where to go instead: the reason itself is what the client must be told.
            return reasonString is null && serverReference is null ? 0 : WriteWithReason(destination, header, packetId, reason, null, reasonString is null ? null : serverReference);
        }

        var writer = new SpanWriter(destination);
        writer.WriteByte(header);
        writer.WriteVariable((uint)body);
        if (packetId != 0)
        {
            writer.WriteUInt16(packetId);
        }

        if (reason != ReasonCode.Success || counter.Length > 0)
        {
            writer.WriteByte((byte)reason);
        }

        if (counter.Length > 0)
        {
            writer.WriteVariable((uint)counter.Length);
            writer.WriteText(PropertyId.ReasonString, reasonString);
            writer.WriteText(PropertyId.ServerReference, serverReference);
        }

        return writer.Length;
    }

    /// <summary>SUBACK and UNSUBACK up to their codes, for which there is room when the answer is not 0.</summary>
    private static int WriteFilterAckStart(Span<byte> destination, PacketType type, ProtocolVersion version, ushort packetId, int codes, string? reasonString)
    {
        var counter = SpanWriter.Counting();
        var body = 2 + codes;
        if (version == ProtocolVersion.V500)
        {
            counter.WriteText(PropertyId.ReasonString, reasonString);
            body += PacketFraming.VariableSize((uint)counter.Length) + counter.Length;
        }

        if (counter.TooLong || SizeOf(body) > destination.Length)
        {
            return reasonString is null ? 0 : WriteFilterAckStart(destination, type, version, packetId, codes, null);
        }

        var writer = new SpanWriter(destination);
        writer.WriteByte((byte)((int)type << 4));
        writer.WriteVariable((uint)body);
        writer.WriteUInt16(packetId);
        if (version == ProtocolVersion.V500)
        {
            writer.WriteVariable((uint)counter.Length);
            writer.WriteText(PropertyId.ReasonString, reasonString);
        }

        return writer.Length;
    }

    private static void WriteProperties(ref SpanWriter writer, in ConnAckProperties properties)
    {
        writer.WriteUInt32(PropertyId.SessionExpiryInterval, properties.SessionExpirySeconds);
        writer.WriteUInt16(PropertyId.ReceiveMaximum, properties.ReceiveMaximum);
        if (properties.MaximumQos is { } maximumQos)
        {
            writer.WriteByte(PropertyId.MaximumQos);
            writer.WriteByte(maximumQos);
        }

        writer.WriteBoolean(PropertyId.RetainAvailable, properties.RetainAvailable);
        writer.WriteUInt32(PropertyId.MaximumPacketSize, properties.MaximumPacketSize);
        writer.WriteText(PropertyId.AssignedClientIdentifier, properties.AssignedClientId);
        writer.WriteUInt16(PropertyId.TopicAliasMaximum, properties.TopicAliasMaximum);
        writer.WriteText(PropertyId.ReasonString, properties.ReasonString);
        writer.WriteBoolean(PropertyId.WildcardSubscriptionAvailable, properties.WildcardSubscriptionAvailable);
        writer.WriteBoolean(PropertyId.SubscriptionIdentifiersAvailable, properties.SubscriptionIdentifiersAvailable);
        writer.WriteBoolean(PropertyId.SharedSubscriptionAvailable, properties.SharedSubscriptionAvailable);
        writer.WriteUInt16(PropertyId.ServerKeepAlive, properties.ServerKeepAliveSeconds);
        writer.WriteText(PropertyId.ResponseInformation, properties.ResponseInformation);
        writer.WriteText(PropertyId.ServerReference, properties.ServerReference);
        writer.WriteText(PropertyId.AuthenticationMethod, properties.AuthenticationMethod);
        if (properties.AuthenticationData is { } data)
        {
            writer.WriteByte(PropertyId.AuthenticationData);
            writer.WriteBinary(data.Span);
        }
    }
}
