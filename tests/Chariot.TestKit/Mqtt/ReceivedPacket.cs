using System.Buffers.Binary;
using System.Text;

namespace Chariot.TestKit.Mqtt;

/// <summary>A packet as received, with the few fields that tests look at decoded on demand.</summary>
public sealed record ReceivedPacket(MqttVersion Version, byte FirstByte, byte[] Body)
{
    public PacketType Type => (PacketType)(FirstByte >> 4);
    public int Flags => FirstByte & 0x0F;

    public bool Dup => (Flags & 8) != 0;
    public int Qos => (Flags >> 1) & 3;
    public bool Retain => (Flags & 1) != 0;

    /// <summary>PUBLISH: the topic name.</summary>
    public string Topic => Encoding.UTF8.GetString(Body, 2, TopicLength);

    /// <summary>Packet identifier; 0 for a QoS 0 PUBLISH.</summary>
    public ushort PacketId => Type == PacketType.Publish
        ? Qos == 0 ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(Body.AsSpan(2 + TopicLength))
        : BinaryPrimitives.ReadUInt16BigEndian(Body);

    /// <summary>PUBLISH: the application payload.</summary>
    public ReadOnlySpan<byte> Payload
    {
        get
        {
            var offset = PublishPropertiesOffset;
            if (Version == MqttVersion.V500)
            {
                var length = ReadVarInt(Body, ref offset);
                offset += length;
            }

            return Body.AsSpan(offset);
        }
    }

    public string PayloadText => Encoding.UTF8.GetString(Payload);

    public bool SessionPresent => Type == PacketType.ConnAck && (Body[0] & 1) != 0;

    /// <summary>Reason or return code of CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT; 0 where it was left out.</summary>
    public int Reason => Type switch
    {
        PacketType.ConnAck => Body[1],
        PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp => Body.Length > 2 ? Body[2] : 0,
        PacketType.Disconnect => Body.Length > 0 ? Body[0] : 0,
        _ => throw new InvalidOperationException($"{Type} has no single reason code"),
    };

    /// <summary>Per filter, of SUBACK and (5.0) UNSUBACK.</summary>
    public byte[] Reasons
    {
        get
        {
            var offset = 2;
            if (Version == MqttVersion.V500)
            {
                var length = ReadVarInt(Body, ref offset);
                offset += length;
            }

            return Body[offset..];
        }
    }

    /// <summary>The properties of any 5.0 packet, in order.</summary>
    public IReadOnlyList<(PropertyId Id, object Value)> Properties => Version == MqttVersion.V500 ? DecodeProperties() : [];

    public object? Property(PropertyId id) => Properties.FirstOrDefault(property => property.Id == id).Value;

    public override string ToString() => Type switch
    {
        PacketType.Publish => $"PUBLISH {Topic} qos {Qos} id {PacketId}{(Dup ? " dup" : "")}{(Retain ? " retain" : "")} {Payload.Length} bytes",
        PacketType.ConnAck or PacketType.Disconnect => $"{Type} 0x{Reason:X2}",
        PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp => $"{Type} id {PacketId} 0x{Reason:X2}",
        PacketType.SubAck => $"SubAck id {PacketId} {Convert.ToHexString(Reasons)}",
        _ => $"{Type} {Convert.ToHexString(Body)}",
    };

    private int TopicLength => BinaryPrimitives.ReadUInt16BigEndian(Body);

    private int PublishPropertiesOffset => 2 + TopicLength + (Qos > 0 ? 2 : 0);

    private static int ReadVarInt(byte[] bytes, ref int offset)
    {
        var value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var digit = bytes[offset++];
            value |= (digit & 0x7F) << shift;
            if ((digit & 0x80) == 0)
            {
                return value;
            }
        }
    }

    private List<(PropertyId, object)> DecodeProperties()
    {
        var offset = Type switch
        {
            PacketType.ConnAck => 2,
            PacketType.Publish => PublishPropertiesOffset,
            PacketType.SubAck or PacketType.UnsubAck => 2,
            PacketType.Disconnect or PacketType.Auth => 1,
            _ => 3,
        };

        List<(PropertyId, object)> properties = [];
        if (offset >= Body.Length)
        {
            return properties;
        }

        var end = ReadVarInt(Body, ref offset);
        end += offset;
        while (offset < end)
        {
            var id = (PropertyId)Body[offset++];
            properties.Add((id, ReadValue(id, ref offset)));
        }

        return properties;
    }

    private object ReadValue(PropertyId id, ref int offset)
    {
        switch (id)
        {
            case PropertyId.PayloadFormatIndicator or PropertyId.RequestProblemInformation or PropertyId.RequestResponseInformation or PropertyId.MaximumQos
                or PropertyId.RetainAvailable or PropertyId.WildcardSubscriptionAvailable or PropertyId.SubscriptionIdentifierAvailable or PropertyId.SharedSubscriptionAvailable:
                return (uint)Body[offset++];
            case PropertyId.ServerKeepAlive or PropertyId.ReceiveMaximum or PropertyId.TopicAliasMaximum or PropertyId.TopicAlias:
                offset += 2;
                return (uint)BinaryPrimitives.ReadUInt16BigEndian(Body.AsSpan(offset - 2));
            case PropertyId.MessageExpiryInterval or PropertyId.SessionExpiryInterval or PropertyId.WillDelayInterval or PropertyId.MaximumPacketSize:
                offset += 4;
                return BinaryPrimitives.ReadUInt32BigEndian(Body.AsSpan(offset - 4));
            case PropertyId.SubscriptionIdentifier:
                return (uint)ReadVarInt(Body, ref offset);
            case PropertyId.UserProperty:
                return (ReadText(ref offset), ReadText(ref offset));
            case PropertyId.CorrelationData or PropertyId.AuthenticationData:
                var length = BinaryPrimitives.ReadUInt16BigEndian(Body.AsSpan(offset));
                offset += 2 + length;
                return Body[(offset - length)..offset];
            default:
                return ReadText(ref offset);
        }
    }

    private string ReadText(ref int offset)
    {
        var length = BinaryPrimitives.ReadUInt16BigEndian(Body.AsSpan(offset));
        offset += 2 + length;
        return Encoding.UTF8.GetString(Body, offset - length, length);
    }
}
