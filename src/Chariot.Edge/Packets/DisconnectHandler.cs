using Chariot.Abstractions;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>DISCONNECT (section 3.14), and the end of a connection in any other way.</summary>
internal sealed class DisconnectHandler(ConnectionRegistry connections, SessionEnd ends, SessionServices services)
{
    public ReasonCode Handle(MqttConnection connection, ReadOnlySpan<byte> body)
    {
        var result = PacketDecoder.DecodeDisconnect(body, connection.Version, out var packet);
        if (result != ReasonCode.Success)
        {
            return result;
        }

        if (connection.Session is not { } session)
        {
            // In the middle of its authentication.
            connection.EndByClient();
            return ReasonCode.Success;
        }

        if (packet.SessionExpirySeconds is { } expiry)
        {
            // A session that was to end with its connection cannot be made to last now [MQTT-3.14.2-2 of 5.0 section 3.14.2.2.2].
            if (session.ExpirySeconds == 0 && expiry != 0)
            {
                return ReasonCode.ProtocolError;
            }

            session.SetExpiry(Math.Min(expiry, services.Limits.MaximumSessionExpirySeconds));
        }

        // 0x04 asks for the will although the end is orderly.
        connection.PublishesWill = packet.Reason == ReasonCode.DisconnectWithWill;
        connection.EndByClient();
        return ReasonCode.Success;
    }

    public async ValueTask OnClosedAsync(MqttConnection connection)
    {
        connections.Remove(connection);
        if (connection.CountedFor is { } username)
        {
            connection.CountedFor = null;
            services.CredentialConnections.Leave(username);
        }

        if (connection.Session is { } session)
        {
            await ends.DisconnectedAsync(session, connection);
        }
    }
}
