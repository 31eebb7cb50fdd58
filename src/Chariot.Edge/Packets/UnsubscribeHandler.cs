using Chariot.Abstractions;
using Chariot.Abstractions.Sessions;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>UNSUBSCRIBE (section 3.10). Messages already in the window complete [MQTT-3.10.4-3].</summary>
internal sealed class UnsubscribeHandler(IGrainFactory grains, SessionRegistry sessions, SessionServices services, EdgeLog log)
{
    public static ReasonCode Decode(MqttConnection connection, ReadOnlySpan<byte> body, out object? control)
    {
        var result = PacketDecoder.DecodeUnsubscribe(body, connection.Version, out var packet);
        control = result == ReasonCode.Success ? packet : null;
        return result;
    }

    public async ValueTask<bool> HandleAsync(MqttConnection connection, UnsubscribePacket packet)
    {
        var session = connection.Session!;
        ReasonCode[] reasons;
        try
        {
            reasons = [.. await grains.GetGrain<ISessionGrain>(session.ClientId).UnsubscribeAsync(session.Epoch, packet.Filters)];
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.GrainUnavailable(error, session.ClientId);
            reasons = [.. packet.Filters.Select(_ => ReasonCode.ImplementationSpecificError)];
        }

        if (reasons.Contains(ReasonCode.SessionTakenOver))
        {
            connection.Close(ReasonCode.SessionTakenOver);
            return false;
        }

        for (var i = 0; i < reasons.Length; i++)
        {
            if (reasons[i] < ReasonCode.UnspecifiedError)
            {
                sessions.Unsubscribe(session, packet.Filters[i]);
            }
        }

        Acknowledge(connection, packet.PacketId, reasons);
        return true;
    }

    private void Acknowledge(MqttConnection connection, ushort packetId, ReasonCode[] reasons)
    {
        var answer = new byte[Math.Min(16 + reasons.Length, connection.MaximumPacketSize)];
        var length = PacketWriter.WriteUnsubAck(answer, connection.Version, packetId, reasons);
        if (length == 0)
        {
            connection.Close(ReasonCode.PacketTooLarge);
            return;
        }

        var batch = FlushBatch.Current;
        connection.SendControl(answer.AsSpan(0, length), batch);
        batch.Flush(services.Metrics);
    }
}
