using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Chariot.Abstractions;

namespace Chariot.Edge.Codec;

/// <summary>Reads a PUBLISH from a client (section 3.3) in place: nothing is allocated or copied.</summary>
internal static class PublishReader
{
    /// <summary>
    /// Answers Success and a view of <paramref name="body"/>, or the reason to close the connection with. Whether a Topic Alias is
    /// known, and the limits of topics, are for the connection to judge.
    /// </summary>
    /// <param name="header">First byte of the packet; its flags are judged here.</param>
    public static ReasonCode TryRead(byte header, ReadOnlySpan<byte> body, ProtocolVersion version, out PublishView view)
    {
        view = default;
        if (!BinaryPrimitives.TryReadUInt16BigEndian(body, out var topicLength)
            || body.Length - 2 < topicLength
            || (header & 0b0110) == 0b0110
            || (header & 0b1110) == 0b1000)
        {
            return ReasonCode.MalformedPacket;
        }

        var topic = body.Slice(2, topicLength);
        var rest = body[(2 + topicLength)..];
        if (!Ascii.IsValid(topic) && !Utf8.IsValid(topic))
        {
            return ReasonCode.MalformedPacket;
        }

        if (topic.ContainsAny((byte)'+', (byte)'#', (byte)0))
        {
            return topic.Contains((byte)0) ? ReasonCode.MalformedPacket : ReasonCode.TopicNameInvalid;
        }

        ushort packetId = 0;
        if ((header & 0b0110) != 0)
        {
            if (!BinaryPrimitives.TryReadUInt16BigEndian(rest, out packetId))
            {
                return ReasonCode.MalformedPacket;
            }

            // [MQTT-2.2.1-3]
            if (packetId == 0)
            {
                return ReasonCode.ProtocolError;
            }

            rest = rest[2..];
        }

        if (version != ProtocolVersion.V500)
        {
            view = new PublishView(header, topic, packetId, rest);
            return topic.IsEmpty ? ReasonCode.ProtocolError : ReasonCode.Success;
        }

        if (rest.IsEmpty)
        {
            return ReasonCode.MalformedPacket;
        }

        if (rest[0] == 0)
        {
            view = new PublishView(header, topic, packetId, rest[1..]);
            return topic.IsEmpty ? ReasonCode.ProtocolError : ReasonCode.Success;
        }

        return ReadWithProperties(header, topic, packetId, rest, out view);
    }

    private static ReasonCode ReadWithProperties(byte header, ReadOnlySpan<byte> topic, ushort packetId, ReadOnlySpan<byte> rest, out PublishView view)
    {
        view = default;
        var reader = new BodyReader(rest);
        if (!reader.TryReadPropertyBlock(out var block))
        {
            return ReasonCode.MalformedPacket;
        }

        var kept = default(PublishProperties);
        var properties = new PropertyReader(block, PropertyId.InPublish);
        while (properties.MoveNext())
        {
            switch (properties.Id)
            {
                case PropertyId.TopicAlias:
                    kept.TopicAlias = (ushort)properties.Number;
                    continue;
                case PropertyId.MessageExpiryInterval:
                    kept.MessageExpirySeconds = properties.Number;
                    continue;
                case PropertyId.SubscriptionIdentifier:
                    // Only a server sends one [MQTT-3.3.4-6].
                    return ReasonCode.ProtocolError;
                case PropertyId.PayloadFormatIndicator:
                    kept.PayloadFormat = (byte)properties.Number;
                    break;
            }

            if (kept.ForwardedLength == 0)
            {
                kept.ForwardedStart = properties.Start;
            }

            kept.ForwardedEnd = properties.End;
            kept.ForwardedLength += properties.End - properties.Start;
        }

        if (properties.Error != ReasonCode.Success)
        {
            return properties.Error;
        }

        view = new PublishView(header, topic, packetId, reader.Rest, block, kept);
        return topic.IsEmpty && kept.TopicAlias == 0 ? ReasonCode.ProtocolError : ReasonCode.Success;
    }
}
