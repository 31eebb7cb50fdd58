using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Sessions;
using Chariot.Edge.Authentication;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>CONNACK, and what it promises.</summary>
internal sealed partial class ConnectHandler
{
    /// <summary>Bytes of a CONNACK; its longest parts are the client id, the response information and the authentication data.</summary>
    private const int LongestAnswer = 4096;

    /// <summary>Refuses a CONNECT, with a text when the client wants one and takes a packet of that size.</summary>
    public static void SendRefusal(MqttConnection connection, ReasonCode reason, string? serverReference = null)
    {
        Span<byte> answer = stackalloc byte[(int)Math.Min(512, connection.MaximumPacketSize)];
        var properties = new ConnAckProperties
        {
            ReasonString = connection.WantsProblemInformation ? ReasonText.Of(reason) : null,
            ServerReference = serverReference,
        };
        var length = PacketWriter.WriteConnAck(answer, connection.Version, reason, sessionPresent: false, properties);
        if (length > 0)
        {
            connection.Outbound.AppendControl(answer[..length]);
        }
    }

    private void ConfigureConnection(MqttConnection connection, ConnectPacket packet)
    {
        var limits = services.Limits;
        connection.MaximumInboundPacketSize = limits.MaximumPacketSize;
        connection.ReceiveMaximumOfServer = (ushort)limits.ReceiveMaximum;
        connection.Aliases = packet.Version == ProtocolVersion.V500 ? new byte[]?[limits.MaximumTopicAliases + 1] : [];
        connection.Outbound.Aliases = TopicAliases.Create(Math.Min(packet.TopicAliasMaximum, limits.MaximumTopicAliases));
        connection.ConnectedAt = time.GetUtcNow();
        connection.KeepAliveMilliseconds = KeepAlive(packet) * 1500L;
    }

    private int KeepAlive(ConnectPacket packet)
    {
        var maximum = services.Limits.MaximumKeepAliveSeconds;
        return maximum > 0 && (packet.KeepAliveSeconds == 0 || packet.KeepAliveSeconds > maximum) ? maximum : packet.KeepAliveSeconds;
    }

    /// <summary>False when the client does not take a CONNACK of the size that it would have.</summary>
    private bool Accept(MqttConnection connection, ConnectPacket packet, ClientSession session, OpenSessionResult opened, uint expiry)
    {
        ConfigureConnection(connection, packet);
        var limits = services.Limits;
        var keepAlive = KeepAlive(packet);
        var properties = new ConnAckProperties
        {
            SessionExpirySeconds = expiry != packet.SessionExpirySeconds ? expiry : null,
            ReceiveMaximum = (ushort)limits.ReceiveMaximum,
            MaximumPacketSize = (uint)limits.MaximumPacketSize,
            AssignedClientId = packet.ClientId.Length == 0 ? session.ClientId : null,
            TopicAliasMaximum = (ushort)limits.MaximumTopicAliases,
            ServerKeepAliveSeconds = keepAlive != packet.KeepAliveSeconds ? (ushort)keepAlive : null,
            ResponseInformation = packet.RequestResponseInformation ? ResponseInformation(session) : null,
            AuthenticationMethod = connection.Authentication?.Method,
            AuthenticationData = connection.Authentication?.ServerFinal,
        };
        var answer = new byte[Math.Min(LongestAnswer, connection.MaximumPacketSize)];
        var length = PacketWriter.WriteConnAck(answer, packet.Version, ReasonCode.Success, opened.SessionPresent, properties);
        if (length == 0)
        {
            return false;
        }

        var batch = FlushBatch.Current;
        connection.Session = session;
        connection.SendControl(answer.AsSpan(0, length), batch);
        // Only now: nothing may reach the client before its CONNACK.
        if (session.Attach(connection, packet.ReceiveMaximum, opened.Epoch))
        {
            session.Resume(batch);
        }
        else
        {
            connection.Close(ReasonCode.SessionTakenOver);
        }

        batch.Flush(services.Metrics);
        return true;
    }

    /// <summary>What a requester may build its response topics from (section 3.2.2.3.15); its rights decide what it can do there.</summary>
    private string? ResponseInformation(ClientSession session) =>
        feed.Current.Mqtt.ResponseInformation?.Replace("%c", session.ClientId, StringComparison.Ordinal);
}
