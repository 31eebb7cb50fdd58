using System.Buffers.Binary;
using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Codec;

/// <summary>
/// Writes a PUBLISH to a client. It can be encoded once per version, QoS and flags and then copied, with another packet id
/// written over the first at the offset that is told. Allocates nothing.
/// </summary>
internal static class PublishWriter
{
    /// <summary>Whole packet, bytes; 0 when the standard has no such packet: too long, or a topic above 65,535 bytes.</summary>
    public static int GetSize(
        ProtocolVersion version,
        int topicLength,
        QualityOfService qos,
        int propertiesLength,
        bool messageExpiry,
        ReadOnlySpan<uint> subscriptionIds,
        int payloadLength)
    {
        var body = GetBodySize(version, topicLength, qos, GetBlockSize(propertiesLength, messageExpiry, subscriptionIds), payloadLength);
        return body > PacketFraming.MaximumRemainingLength || topicLength > ushort.MaxValue
            ? 0
            : (int)body + 1 + PacketFraming.VariableSize((uint)body);
    }

    /// <summary>Bytes that a topic alias takes.</summary>
    public const int TopicAliasSize = 3;

    /// <summary>The packet without a topic alias.</summary>
    public static int Write(
        Span<byte> destination,
        ProtocolVersion version,
        ReadOnlySpan<byte> topic,
        QualityOfService qos,
        bool dup,
        bool retain,
        ushort packetId,
        ReadOnlySpan<byte> properties,
        uint? messageExpirySeconds,
        ReadOnlySpan<uint> subscriptionIds,
        ReadOnlySpan<byte> payload,
        out int packetIdOffset) =>
        Write(destination, version, topic, topicAlias: false, qos, dup, retain, packetId, properties, messageExpirySeconds, subscriptionIds, payload, out packetIdOffset, out _);

    /// <summary>Writes the packet and returns its length, or 0 when it does not fit.</summary>
    /// <param name="topicAlias">
    /// Leaves room for an alias, to be written at <paramref name="topicAliasOffset"/>, as the first property; 5.0 only.
    /// </param>
    /// <param name="properties">To forward, encoded, without their length; ignored before 5.0, as are expiry and identifiers.</param>
    /// <param name="messageExpirySeconds">What is left of it.</param>
    /// <param name="subscriptionIds">Each 1 to 268,435,455.</param>
    /// <param name="packetIdOffset">Where the packet id is in <paramref name="destination"/>; -1 for QoS 0, which has none.</param>
    public static int Write(
        Span<byte> destination,
        ProtocolVersion version,
        ReadOnlySpan<byte> topic,
        bool topicAlias,
        QualityOfService qos,
        bool dup,
        bool retain,
        ushort packetId,
        ReadOnlySpan<byte> properties,
        uint? messageExpirySeconds,
        ReadOnlySpan<uint> subscriptionIds,
        ReadOnlySpan<byte> payload,
        out int packetIdOffset,
        out int topicAliasOffset)
    {
        packetIdOffset = topicAliasOffset = -1;
        var block = GetBlockSize(properties.Length, messageExpirySeconds.HasValue, subscriptionIds) + (topicAlias ? TopicAliasSize : 0);
        var body = GetBodySize(version, topic.Length, qos, block, payload.Length);
        if (body > PacketFraming.MaximumRemainingLength
            || topic.Length > ushort.MaxValue
            || body + 1 + PacketFraming.VariableSize((uint)body) > destination.Length)
        {
            return 0;
        }

        destination[0] = (byte)((int)PacketType.Publish << 4 | (dup ? 0b1000 : 0) | (int)qos << 1 | (retain ? 1 : 0));
        var position = 1 + WriteVariable(destination[1..], (uint)body);
        BinaryPrimitives.WriteUInt16BigEndian(destination[position..], (ushort)topic.Length);
        position += 2;
        topic.CopyTo(destination[position..]);
        position += topic.Length;
        if (qos != QualityOfService.AtMostOnce)
        {
            packetIdOffset = position;
            BinaryPrimitives.WriteUInt16BigEndian(destination[position..], packetId);
            position += 2;
        }

        if (version == ProtocolVersion.V500)
        {
            position += WriteVariable(destination[position..], (uint)block);
            if (topicAlias)
            {
                destination[position] = PropertyId.TopicAlias;
                topicAliasOffset = position + 1;
                position += TopicAliasSize;
            }

            position += WriteBlock(destination[position..], properties, messageExpirySeconds, subscriptionIds);
        }

        payload.CopyTo(destination[position..]);
        return position + payload.Length;
    }

    private static long GetBlockSize(int propertiesLength, bool messageExpiry, ReadOnlySpan<uint> subscriptionIds)
    {
        long size = propertiesLength + (messageExpiry ? 5 : 0);
        foreach (var id in subscriptionIds)
        {
            size += 1 + PacketFraming.VariableSize(id);
        }

        return size;
    }

    private static long GetBodySize(ProtocolVersion version, int topicLength, QualityOfService qos, long block, int payloadLength)
    {
        var size = 2L + topicLength + payloadLength + (qos == QualityOfService.AtMostOnce ? 0 : 2);
        return version == ProtocolVersion.V500 ? size + PacketFraming.VariableSize((uint)block) + block : size;
    }

    private static int WriteBlock(
        Span<byte> destination,
        ReadOnlySpan<byte> properties,
        uint? messageExpirySeconds,
        ReadOnlySpan<uint> subscriptionIds)
    {
        var position = 0;
        if (messageExpirySeconds is { } expiry)
        {
            destination[position] = PropertyId.MessageExpiryInterval;
            BinaryPrimitives.WriteUInt32BigEndian(destination[(position + 1)..], expiry);
            position += 5;
        }

        foreach (var id in subscriptionIds)
        {
            destination[position++] = PropertyId.SubscriptionIdentifier;
            position += WriteVariable(destination[position..], id);
        }

        properties.CopyTo(destination[position..]);
        return position + properties.Length;
    }

    private static int WriteVariable(Span<byte> destination, uint value)
    {
        var length = 0;
        while (value >= 0x80)
        {
            destination[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        destination[length++] = (byte)value;
        return length;
    }
}
