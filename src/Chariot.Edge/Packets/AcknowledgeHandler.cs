using Chariot.Abstractions;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;

namespace Chariot.Edge.Packets;

/// <summary>PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7).</summary>
internal static class AcknowledgeHandler
{
    public static ReasonCode Handle(MqttConnection connection, PacketType type, ReadOnlySpan<byte> body, FlushBatch batch)
    {
        var result = PacketDecoder.DecodeAck(type, body, connection.Version, out var packetId, out var reason);
        if (result != ReasonCode.Success)
        {
            return result;
        }

        var session = connection.Session!;
        switch (type)
        {
            case PacketType.PubAck:
                return session.OnPubAck(packetId, batch);
            case PacketType.PubRec:
                session.OnPubRec(connection, packetId, reason, batch);
                break;
            case PacketType.PubRel:
                session.ReleaseInbound(connection, packetId, batch);
                break;
            default:
                session.OnPubComp(packetId, batch);
                break;
        }

        return ReasonCode.Success;
    }
}
