using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;

namespace Chariot.Edge.Packets;

/// <summary>
/// From bytes to handlers: one MQTT verb, one handler. PUBLISH and acknowledgements are handled in place, in the batch;
/// CONNECT, SUBSCRIBE and the like are decoded here and handled between batches, because they may wait.
/// </summary>
internal sealed class PacketDispatcher(
    ConnectHandler connect,
    PublishHandler publish,
    SubscribeHandler subscribe,
    UnsubscribeHandler unsubscribe,
    DisconnectHandler disconnect,
    AuthHandler auth,
    ConfigurationLease lease,
    EdgeLog log)
{
    /// <summary>Nothing is handled while it is not held.</summary>
    public ConfigurationLease Lease => lease;

    /// <summary>In force now.</summary>
    public MqttLimits Limits => connect.Limits;

    /// <summary>
    /// Handles the complete packets in <c>buffer[start..end]</c> and moves <paramref name="start"/> behind them, up to the first
    /// that has to wait, which is returned decoded in <paramref name="control"/>.
    /// </summary>
    public BatchEnd Process(MqttConnection connection, byte[] buffer, ref int start, int end, FlushBatch batch, out object? control)
    {
        control = null;
        while (start < end)
        {
            var rest = buffer.AsSpan(start, end - start);
            var frame = PacketFraming.TryReadHeader(
                rest,
                connection.Session is null ? connect.MaximumConnectSize : connection.MaximumInboundPacketSize,
                connection.Version == ProtocolVersion.V500,
                out var header,
                out var headerLength,
                out var remaining);

            // Judged on its first byte: a client that does not begin with CONNECT costs nothing more.
            if (connection.Session is null && !MayComeBeforeConnAck(connection, header))
            {
                return Fail(connection, ReasonCode.ProtocolError);
            }

            var allowed = PacketFraming.CheckHeader(header, connection.Version);
            if (allowed != ReasonCode.Success)
            {
                return Fail(connection, allowed);
            }

            if (frame == FrameResult.Incomplete)
            {
                return BatchEnd.NeedsMore;
            }

            if (frame != FrameResult.Ok)
            {
                var reason = frame == FrameResult.TooLarge ? ReasonCode.PacketTooLarge : ReasonCode.MalformedPacket;
                if (connection.Session is null && frame == FrameResult.TooLarge)
                {
                    ConnectHandler.Refuse(connection, rest[headerLength..], reason);
                    return BatchEnd.Close;
                }

                return Fail(connection, reason);
            }

            if (rest.Length < headerLength + remaining)
            {
                return BatchEnd.NeedsMore;
            }

            var packet = rest[..(headerLength + remaining)];
            start += packet.Length;
            var body = packet[headerLength..];
            var result = (PacketType)(header >> 4) switch
            {
                PacketType.Publish => publish.Handle(connection, header, packet, headerLength, batch),
                PacketType.PubAck or PacketType.PubRec or PacketType.PubRel or PacketType.PubComp => AcknowledgeHandler.Handle(connection, (PacketType)(header >> 4), body, batch),
                PacketType.PingReq => Ping(connection, body, batch),
                PacketType.Connect when connection.Session is not null || connection.Authentication is not null => ReasonCode.ProtocolError,
                PacketType.Connect => ConnectHandler.Decode(connection, headerLength, body, out control),
                PacketType.Subscribe => SubscribeHandler.Decode(connection, body, out control),
                PacketType.Unsubscribe => UnsubscribeHandler.Decode(connection, body, out control),
                PacketType.Disconnect => disconnect.Handle(connection, body),
                PacketType.Auth => AuthHandler.Decode(connection, body, out control),
                _ => ReasonCode.MalformedPacket,
            };

            if (result != ReasonCode.Success)
            {
                return Fail(connection, result);
            }

            if (control is not null)
            {
                return BatchEnd.Control;
            }

            if (connection.EndedByClient)
            {
                return BatchEnd.Close;
            }
        }

        return BatchEnd.NeedsMore;
    }

    /// <summary>Handles a packet that may wait; false when the connection is to be closed.</summary>
    public ValueTask<bool> HandleAsync(MqttConnection connection, object control) => control switch
    {
        ConnectPacket packet => connect.HandleAsync(connection, packet),
        SubscribePacket packet => subscribe.HandleAsync(connection, packet),
        UnsubscribePacket packet => unsubscribe.HandleAsync(connection, packet),
        AuthPacket packet => auth.HandleAsync(connection, packet),
        _ => throw new InvalidOperationException($"No handler for {control.GetType().Name}."),
    };

    public ValueTask OnClosedAsync(MqttConnection connection) => disconnect.OnClosedAsync(connection);

    private static ReasonCode Ping(MqttConnection connection, ReadOnlySpan<byte> body, FlushBatch batch)
    {
        var result = PacketDecoder.DecodePing(body);
        if (result == ReasonCode.Success)
        {
            Span<byte> answer = stackalloc byte[PacketWriter.ShortPacketSize];
            connection.SendControl(answer[..PacketWriter.WritePingResp(answer)], batch);
        }

        return result;
    }

    /// <summary>CONNECT first, and while its authentication goes on AUTH or DISCONNECT only (section 4.12).</summary>
    private static bool MayComeBeforeConnAck(MqttConnection connection, byte header) => connection.Authentication is null
        ? header >> 4 == (int)PacketType.Connect
        : header >> 4 is (int)PacketType.Auth or (int)PacketType.Disconnect;

    private BatchEnd Fail(MqttConnection connection, ReasonCode reason)
    {
        if (connection is { Session: null, Authentication: not null })
        {
            // No DISCONNECT before a CONNACK [MQTT-3.14.0-1]: its CONNECT is still to be answered.
            ConnectHandler.SendRefusal(connection, reason);
        }

        log.ProtocolViolation(connection.Session?.ClientId ?? "(not connected)", connection.Transport.RemoteAddress, reason.ToString());
        connection.Close(reason);
        return BatchEnd.Close;
    }
}
