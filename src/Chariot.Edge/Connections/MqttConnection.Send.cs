using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Packets;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Connections;

/// <summary>Packets to the client. None is larger than it takes [MQTT-3.1.2-24].</summary>
internal sealed partial class MqttConnection
{
    /// <summary>Bytes; an acknowledgement with a Reason String.</summary>
    private const int LongestAcknowledgement = 192;

    /// <summary>Bytes; DISCONNECT with a Server Reference of the longest configured kind.</summary>
    private const int LongestDisconnect = 4096 + 256;

    public void SendAcknowledgement(PacketType type, ushort packetId, ReasonCode reason, FlushBatch batch)
    {
        if (reason >= ReasonCode.UnspecifiedError && Version == ProtocolVersion.V500)
        {
            SendRefusal(type, packetId, reason, batch);
            return;
        }

        Span<byte> packet = stackalloc byte[PacketWriter.ShortPacketSize];
        SendControl(packet[..PacketWriter.WriteAck(packet, type, Version, packetId, reason)], batch);
    }

    public void SendControl(ReadOnlySpan<byte> packet, FlushBatch batch)
    {
        if (Outbound.AppendControl(packet))
        {
            batch.Touch(Outbound);
        }
    }

    /// <summary>Sends a QoS 1/2 delivery; false when it is larger than the client takes.</summary>
    public bool SendPublish(Delivery delivery, FlushBatch batch)
    {
        var message = delivery.Message;
        var now = message.ExpiresAt == long.MaxValue ? 0 : DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        ushort alias = 0;
        var use = Outbound.Aliases is null ? AliasUse.None : Outbound.ChooseAlias(message.Topic.Span, out alias);
        while (true)
        {
            var packet = PublishEncoder.Current.Encode(message, now, Version, delivery.Qos, delivery.Retain, use, delivery.SubscriptionIdentifiers, out var packetIdOffset, out var aliasOffset);
            if (packet.Length > MaximumPacketSize)
            {
                if (use != AliasUse.Introduce)
                {
                    return false;
                }

                // Only the alias makes it too large.
                use = AliasUse.None;
                continue;
            }

            switch (Outbound.AppendDelivery(packet, packetIdOffset, delivery.PacketId, delivery.Sent, new AliasPatch(use, alias, aliasOffset), out var firstTouch))
            {
                case AppendResult.AliasUnknown:
                    use = AliasUse.Introduce;
                    continue;
                case AppendResult.Appended when firstTouch:
                    batch.Touch(Outbound);
                    break;
            }

            return true;
        }
    }

    /// <summary>Sends a message at QoS 0; false when it is dropped: too large for the client, or too much waits for it.</summary>
    public bool SendOnce(ApplicationMessage message, long now, bool retain, ReadOnlySpan<uint> subscriptionIdentifiers, FlushBatch batch)
    {
        ushort alias = 0;
        var use = Outbound.Aliases is null ? AliasUse.None : Outbound.ChooseAlias(message.Topic.Span, out alias);
        while (true)
        {
            var packet = PublishEncoder.Current.Encode(message, now, Version, QualityOfService.AtMostOnce, retain, use, subscriptionIdentifiers, out _, out var aliasOffset);
            if (packet.Length > MaximumPacketSize)
            {
                if (use != AliasUse.Introduce)
                {
                    return false;
                }

                use = AliasUse.None;
                continue;
            }

            switch (Outbound.TryAppend(packet, new AliasPatch(use, alias, aliasOffset), out var firstTouch))
            {
                case AppendResult.AliasUnknown:
                    use = AliasUse.Introduce;
                    continue;
                case AppendResult.Refused:
                    return false;
                case AppendResult.Appended when firstTouch:
                    batch.Touch(Outbound);
                    break;
            }

            return true;
        }
    }

    /// <summary>
    /// Sends a retained message at QoS 0, for a replay that has waited for room; false when it is larger than the client takes.
    /// </summary>
    public bool SendRetained(ApplicationMessage message, long now, ReadOnlySpan<uint> subscriptionIdentifiers, FlushBatch batch)
    {
        var packet = PublishEncoder.Current.Encode(message, now, Version, QualityOfService.AtMostOnce, retain: true, AliasUse.None, subscriptionIdentifiers, out _, out _);
        if (packet.Length > MaximumPacketSize)
        {
            return false;
        }

        if (Outbound.AppendAfterWaiting(packet))
        {
            batch.Touch(Outbound);
        }

        return true;
    }

    /// <summary>PUBACK or the like with a refusal, and a text when the client wants one [MQTT-3.1.2-29].</summary>
    private void SendRefusal(PacketType type, ushort packetId, ReasonCode reason, FlushBatch batch)
    {
        Span<byte> packet = stackalloc byte[(int)Math.Min(LongestAcknowledgement, MaximumPacketSize)];
        var length = PacketWriter.WriteAck(packet, type, Version, packetId, reason, WantsProblemInformation ? ReasonText.Of(reason) : null);
        if (length > 0)
        {
            SendControl(packet[..length], batch);
        }
    }

    private void SendDisconnect(ReasonCode reason, string? serverReference)
    {
        Span<byte> packet = stackalloc byte[(int)Math.Min(LongestDisconnect, MaximumPacketSize)];
        var length = PacketWriter.WriteDisconnect(packet, reason, WantsProblemInformation ? ReasonText.Of(reason) : null, serverReference);
        if (length > 0)
        {
            Outbound.AppendControl(packet[..length]);
        }
    }
}
