using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Codec;

internal static partial class PacketDecoder
{
    private const int ReservedFlag = 0x01;
    private const int CleanStartFlag = 0x02;
    private const int WillFlag = 0x04;
    private const int WillDetailFlags = 0x38;
    private const int WillRetainFlag = 0x20;
    private const int PasswordFlag = 0x40;
    private const int UsernameFlag = 0x80;

    /// <summary>
    /// CONNECT. The packet is there after a refusal too: its <see cref="ConnectPacket.AnswersRefusal"/> and
    /// <see cref="ConnectPacket.Version"/> say how to tell it.
    /// </summary>
    public static ReasonCode DecodeConnect(ReadOnlySpan<byte> body, out ConnectPacket packet)
    {
        packet = new ConnectPacket();
        var reader = new BodyReader(body);
        var result = ReadProtocol(ref reader, packet);
        if (result != ReasonCode.Success)
        {
            return result;
        }

        result = ReadConnect(ref reader, packet);
        packet.AnswersRefusal = packet.Version == ProtocolVersion.V500 || result != ReasonCode.MalformedPacket;
        return result;
    }

    /// <summary>
    /// The version to answer a CONNECT in that is refused for its size, from the first bytes of its body; null when it cannot be
    /// told, or is not MQTT.
    /// </summary>
    public static ProtocolVersion? PeekVersion(ReadOnlySpan<byte> body)
    {
        var packet = new ConnectPacket();
        var reader = new BodyReader(body);
        return ReadProtocol(ref reader, packet) == ReasonCode.Success || packet.AnswersRefusal ? packet.Version : null;
    }

    private static ReasonCode ReadProtocol(ref BodyReader reader, ConnectPacket packet)
    {
        if (!reader.TryReadBinary(out var name) || !reader.TryReadByte(out var level))
        {
            return ReasonCode.MalformedPacket;
        }

        var mqtt = name.SequenceEqual("MQTT"u8);
        if (!mqtt && !name.SequenceEqual("MQIsdp"u8))
        {
            return ReasonCode.UnsupportedProtocolVersion;
        }

        if (mqtt ? level is 4 or 5 : level is 3)
        {
            packet.Version = (ProtocolVersion)level;
            return ReasonCode.Success;
        }

        // The top bit marks the bridges of some brokers, which try again without it when told so.
        packet.Version = (level & 0x7F) >= 5 ? ProtocolVersion.V500 : ProtocolVersion.V311;
        packet.AnswersRefusal = true;
        return ReasonCode.UnsupportedProtocolVersion;
    }

    private static ReasonCode ReadConnect(ref BodyReader reader, ConnectPacket packet)
    {
        if (!reader.TryReadByte(out var flags) || !reader.TryReadUInt16(out var keepAlive) || !AreFlagsValid(flags, packet.Version))
        {
            return ReasonCode.MalformedPacket;
        }

        packet.CleanStart = (flags & CleanStartFlag) != 0;
        packet.KeepAliveSeconds = keepAlive;
        packet.SessionExpirySeconds = packet.CleanStart || packet.Version == ProtocolVersion.V500 ? 0 : uint.MaxValue;
        var result = packet.Version == ProtocolVersion.V500 ? ReadConnectProperties(ref reader, packet) : ReasonCode.Success;
        if (result != ReasonCode.Success)
        {
            return result;
        }

        if (!reader.TryReadText(out var clientId))
        {
            return ReasonCode.MalformedPacket;
        }

        packet.ClientId = Encoding.UTF8.GetString(clientId);
        if ((flags & WillFlag) != 0)
        {
            result = ReadWill(ref reader, flags, packet);
            if (result is not (ReasonCode.Success or ReasonCode.TopicNameInvalid))
            {
                return result;
            }
        }

        ReadOnlySpan<byte> username = default;
        if ((flags & UsernameFlag) != 0)
        {
            if (!reader.TryReadText(out username))
            {
                return ReasonCode.MalformedPacket;
            }

            packet.Username = Encoding.UTF8.GetString(username);
        }

        if ((flags & PasswordFlag) != 0)
        {
            if (!reader.TryReadBinary(out var password))
            {
                return ReasonCode.MalformedPacket;
            }

            packet.Password = password.ToArray();
        }

        if (!reader.AtEnd)
        {
            return ReasonCode.MalformedPacket;
        }

        // 3.1.1 [MQTT-3.1.3-8]: a session that is to outlive its connection needs a name.
        if (!Utf8Text.IsFitForNames(clientId) || (clientId.IsEmpty && !packet.CleanStart && packet.Version != ProtocolVersion.V500))
        {
            return ReasonCode.ClientIdentifierNotValid;
        }

        return Utf8Text.IsFitForNames(username) ? result : ReasonCode.BadUserNameOrPassword;
    }

    private static bool AreFlagsValid(byte flags, ProtocolVersion version)
    {
        // Reserved flag [MQTT-3.1.2-3]; will details without a will, will QoS 3: sections 3.1.2.5 to 3.1.2.7.
        var will = (flags & WillFlag) != 0;
        if ((flags & ReservedFlag) != 0 || (!will && (flags & WillDetailFlags) != 0) || (flags >> 3 & 0b11) == 0b11)
        {
            return false;
        }

        // 3.1.1 [MQTT-3.1.2-22]; 5.0 allows a password alone.
        return version == ProtocolVersion.V500 || (flags & (UsernameFlag | PasswordFlag)) != PasswordFlag;
    }

    private static ReasonCode ReadConnectProperties(ref BodyReader reader, ConnectPacket packet)
    {
        if (!reader.TryReadPropertyBlock(out var block))
        {
            return ReasonCode.MalformedPacket;
        }

        var properties = new PropertyReader(block, PropertyId.InConnect);
        while (properties.MoveNext())
        {
            switch (properties.Id)
            {
                case PropertyId.SessionExpiryInterval:
                    packet.SessionExpirySeconds = properties.Number;
                    break;
                case PropertyId.ReceiveMaximum:
                    packet.ReceiveMaximum = (ushort)properties.Number;
                    break;
                case PropertyId.MaximumPacketSize:
                    packet.MaximumPacketSize = properties.Number;
                    break;
                case PropertyId.TopicAliasMaximum:
                    packet.TopicAliasMaximum = (ushort)properties.Number;
                    break;
                case PropertyId.RequestResponseInformation:
                    packet.RequestResponseInformation = properties.Number == 1;
                    break;
                case PropertyId.RequestProblemInformation:
                    packet.RequestProblemInformation = properties.Number == 1;
                    break;
                case PropertyId.AuthenticationMethod:
                    packet.AuthenticationMethod = Encoding.UTF8.GetString(properties.Bytes);
                    break;
                case PropertyId.AuthenticationData:
                    packet.AuthenticationData = properties.Bytes.ToArray();
                    break;
            }
        }

        if (properties.Error != ReasonCode.Success)
        {
            return properties.Error;
        }

        // Section 3.1.2.11.10: data without a method.
        return packet is { AuthenticationData: not null, AuthenticationMethod: null } ? ReasonCode.ProtocolError : ReasonCode.Success;
    }

    /// <summary>A bad will topic is answered with TopicNameInvalid after the rest of the packet has been read.</summary>
    private static ReasonCode ReadWill(ref BodyReader reader, byte flags, ConnectPacket packet)
    {
        uint delay = 0;
        uint? expiry = null;
        byte[] forwarded = [];
        if (packet.Version == ProtocolVersion.V500)
        {
            if (!reader.TryReadPropertyBlock(out var block))
            {
                return ReasonCode.MalformedPacket;
            }

            var properties = new PropertyReader(block, PropertyId.InWill);
            while (properties.MoveNext())
            {
                switch (properties.Id)
                {
                    case PropertyId.WillDelayInterval:
                        delay = properties.Number;
                        break;
                    case PropertyId.MessageExpiryInterval:
                        expiry = properties.Number;
                        break;
                }
            }

            if (properties.Error != ReasonCode.Success)
            {
                return properties.Error;
            }

            var buffer = new byte[block.Length];
            forwarded = buffer[..ForwardedProperties.Copy(block, buffer)];
        }

        if (!reader.TryReadText(out var topic) || !reader.TryReadBinary(out var payload))
        {
            return ReasonCode.MalformedPacket;
        }

        packet.Will = new WillRecord(topic.ToArray(), payload.ToArray(), (QualityOfService)(flags >> 3 & 0b11), (flags & WillRetainFlag) != 0)
        {
            Properties = forwarded,
            DelaySeconds = delay,
            MessageExpirySeconds = expiry,
        };
        return topic.IsEmpty || Utf8Text.HasWildcard(topic) ? ReasonCode.TopicNameInvalid : ReasonCode.Success;
    }
}
