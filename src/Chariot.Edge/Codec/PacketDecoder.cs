using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Codec;

/// <summary>
/// Decodes the bodies of control packets from clients. Answers <see cref="ReasonCode.Success"/>, or the reason to close the
/// connection with; then the out value is not to be used, unless said otherwise. The fixed header has passed
/// <see cref="PacketFraming.CheckHeader"/>. No input makes it throw.
/// </summary>
internal static partial class PacketDecoder
{
    /// <summary>PINGREQ has no body.</summary>
    public static ReasonCode DecodePing(ReadOnlySpan<byte> body) => body.IsEmpty ? ReasonCode.Success : ReasonCode.MalformedPacket;

    /// <summary>PUBACK, PUBREC, PUBREL, PUBCOMP (sections 3.4 to 3.7). Allocates nothing.</summary>
    public static ReasonCode DecodeAck(PacketType type, ReadOnlySpan<byte> body, ProtocolVersion version, out ushort packetId, out ReasonCode reason)
    {
        reason = ReasonCode.Success;
        var reader = new BodyReader(body);
        if (!reader.TryReadUInt16(out packetId))
        {
            return ReasonCode.MalformedPacket;
        }

        if (packetId == 0)
        {
            return ReasonCode.ProtocolError;
        }

        if (reader.AtEnd)
        {
            return ReasonCode.Success;
        }

        if (version != ProtocolVersion.V500)
        {
            return ReasonCode.MalformedPacket;
        }

        reader.TryReadByte(out var code);
        reason = (ReasonCode)code;
        if (!IsAckReason(type, reason))
        {
            return ReasonCode.ProtocolError;
        }

        return reader.AtEnd ? ReasonCode.Success : CheckLastProperties(ref reader, PropertyId.InAcknowledgement);
    }

    public static ReasonCode DecodeSubscribe(ReadOnlySpan<byte> body, ProtocolVersion version, out SubscribePacket packet)
    {
        packet = null!;
        var reader = new BodyReader(body);
        if (!reader.TryReadUInt16(out var packetId))
        {
            return ReasonCode.MalformedPacket;
        }

        uint identifier = 0;
        if (version == ProtocolVersion.V500)
        {
            if (!reader.TryReadPropertyBlock(out var block))
            {
                return ReasonCode.MalformedPacket;
            }

            var properties = new PropertyReader(block, PropertyId.InSubscribe);
            while (properties.MoveNext())
            {
                if (properties.Id == PropertyId.SubscriptionIdentifier)
                {
                    identifier = properties.Number;
                }
            }

            if (properties.Error != ReasonCode.Success)
            {
                return properties.Error;
            }
        }

        // [MQTT-3.8.3-2]
        if (packetId == 0 || reader.AtEnd)
        {
            return ReasonCode.ProtocolError;
        }

        var subscriptions = ImmutableArray.CreateBuilder<SubscriptionRecord>();
        while (!reader.AtEnd)
        {
            if (!reader.TryReadText(out var filter) || filter.IsEmpty || !reader.TryReadByte(out var options))
            {
                return ReasonCode.MalformedPacket;
            }

            var checkedOptions = CheckOptions(options, filter, version);
            if (checkedOptions != ReasonCode.Success)
            {
                return checkedOptions;
            }

            subscriptions.Add(new SubscriptionRecord(Encoding.UTF8.GetString(filter), (QualityOfService)(options & 0b11))
            {
                NoLocal = (options & 0b100) != 0,
                RetainAsPublished = (options & 0b1000) != 0,
                RetainHandling = (byte)(options >> 4),
                SubscriptionIdentifier = identifier,
            });
        }

        packet = new SubscribePacket { PacketId = packetId, Subscriptions = subscriptions.DrainToImmutable() };
        return ReasonCode.Success;
    }

    public static ReasonCode DecodeUnsubscribe(ReadOnlySpan<byte> body, ProtocolVersion version, out UnsubscribePacket packet)
    {
        packet = null!;
        var reader = new BodyReader(body);
        if (!reader.TryReadUInt16(out var packetId))
        {
            return ReasonCode.MalformedPacket;
        }

        if (version == ProtocolVersion.V500)
        {
            if (!reader.TryReadPropertyBlock(out var block))
            {
                return ReasonCode.MalformedPacket;
            }

            var checkedProperties = CheckProperties(block, PropertyId.InUnsubscribe);
            if (checkedProperties != ReasonCode.Success)
            {
                return checkedProperties;
            }
        }

        // [MQTT-3.10.3-2]
        if (packetId == 0 || reader.AtEnd)
        {
            return ReasonCode.ProtocolError;
        }

        var filters = ImmutableArray.CreateBuilder<string>();
        while (!reader.AtEnd)
        {
            if (!reader.TryReadText(out var filter) || filter.IsEmpty)
            {
                return ReasonCode.MalformedPacket;
            }

            filters.Add(Encoding.UTF8.GetString(filter));
        }

        packet = new UnsubscribePacket { PacketId = packetId, Filters = filters.DrainToImmutable() };
        return ReasonCode.Success;
    }

    public static ReasonCode DecodeDisconnect(ReadOnlySpan<byte> body, ProtocolVersion version, out DisconnectPacket packet)
    {
        packet = default;
        if (body.IsEmpty)
        {
            return ReasonCode.Success;
        }

        if (version != ProtocolVersion.V500)
        {
            return ReasonCode.MalformedPacket;
        }

        var reader = new BodyReader(body);
        reader.TryReadByte(out var code);
        if (!IsDisconnectReason((ReasonCode)code))
        {
            return ReasonCode.ProtocolError;
        }

        uint? expiry = null;
        if (!reader.AtEnd)
        {
            if (!reader.TryReadPropertyBlock(out var block) || !reader.AtEnd)
            {
                return ReasonCode.MalformedPacket;
            }

            var properties = new PropertyReader(block, PropertyId.InDisconnect);
            while (properties.MoveNext())
            {
                if (properties.Id == PropertyId.SessionExpiryInterval)
                {
                    expiry = properties.Number;
                }
                else if (properties.Id == PropertyId.ServerReference)
                {
                    // Only a server refers to another server (section 3.14.2.2.5).
                    return ReasonCode.ProtocolError;
                }
            }

            if (properties.Error != ReasonCode.Success)
            {
                return properties.Error;
            }
        }

        packet = new DisconnectPacket((ReasonCode)code, expiry);
        return ReasonCode.Success;
    }

    /// <summary>AUTH, 5.0 only. Whether a method was agreed at CONNECT is for the connection to judge.</summary>
    public static ReasonCode DecodeAuth(ReadOnlySpan<byte> body, out AuthPacket packet)
    {
        packet = null!;
        var reader = new BodyReader(body);
        // No body means Success, which only a server sends (table 3-11).
        if (!reader.TryReadByte(out var code) || (ReasonCode)code is not (ReasonCode.ContinueAuthentication or ReasonCode.ReAuthenticate))
        {
            return ReasonCode.ProtocolError;
        }

        if (!reader.TryReadPropertyBlock(out var block) || !reader.AtEnd)
        {
            return ReasonCode.MalformedPacket;
        }

        string? method = null;
        byte[] data = [];
        var properties = new PropertyReader(block, PropertyId.InAuth);
        while (properties.MoveNext())
        {
            switch (properties.Id)
            {
                case PropertyId.AuthenticationMethod:
                    method = Encoding.UTF8.GetString(properties.Bytes);
                    break;
                case PropertyId.AuthenticationData:
                    data = properties.Bytes.ToArray();
                    break;
            }
        }

        if (properties.Error != ReasonCode.Success)
        {
            return properties.Error;
        }

        if (method is null)
        {
            return ReasonCode.ProtocolError;
        }

        packet = new AuthPacket { Reason = (ReasonCode)code, Method = method, Data = data };
        return ReasonCode.Success;
    }

    private static ReasonCode CheckOptions(byte options, ReadOnlySpan<byte> filter, ProtocolVersion version)
    {
        // QoS 3 and reserved bits: 3.1.1 [MQTT-3.8.3-4], 5.0 [MQTT-3.8.3-5].
        var reserved = version == ProtocolVersion.V500 ? 0b1100_0000 : 0b1111_1100;
        if ((options & 0b11) == 0b11 || (options & reserved) != 0)
        {
            return ReasonCode.MalformedPacket;
        }

        // Retain Handling 3 (section 3.8.3.1); No Local on a shared subscription, 5.0 [MQTT-3.8.3-4].
        var noLocalShared = (options & 0b100) != 0 && filter.StartsWith("$share/"u8);
        return (options & 0b11_0000) == 0b11_0000 || noLocalShared ? ReasonCode.ProtocolError : ReasonCode.Success;
    }

    private static ReasonCode CheckLastProperties(ref BodyReader reader, ulong allowed) =>
        reader.TryReadPropertyBlock(out var block) && reader.AtEnd ? CheckProperties(block, allowed) : ReasonCode.MalformedPacket;

    private static ReasonCode CheckProperties(ReadOnlySpan<byte> block, ulong allowed)
    {
        var properties = new PropertyReader(block, allowed);
        while (properties.MoveNext())
        {
        }

        return properties.Error;
    }

    private static bool IsAckReason(PacketType type, ReasonCode reason) => type is PacketType.PubAck or PacketType.PubRec
        ? reason is ReasonCode.Success or ReasonCode.NoMatchingSubscribers or ReasonCode.UnspecifiedError or ReasonCode.ImplementationSpecificError
            or ReasonCode.NotAuthorized or ReasonCode.TopicNameInvalid or ReasonCode.PacketIdentifierInUse or ReasonCode.QuotaExceeded
            or ReasonCode.PayloadFormatInvalid
        : reason is ReasonCode.Success or ReasonCode.PacketIdentifierNotFound;

    // Table 3-13, without the codes that only a server sends.
    private static bool IsDisconnectReason(ReasonCode reason) => reason is ReasonCode.Success or ReasonCode.DisconnectWithWill
        or ReasonCode.UnspecifiedError or ReasonCode.MalformedPacket or ReasonCode.ProtocolError or ReasonCode.ImplementationSpecificError
        or ReasonCode.TopicNameInvalid or ReasonCode.ReceiveMaximumExceeded or ReasonCode.TopicAliasInvalid or ReasonCode.PacketTooLarge
        or ReasonCode.MessageRateTooHigh or ReasonCode.QuotaExceeded or ReasonCode.AdministrativeAction or ReasonCode.PayloadFormatInvalid;
}
