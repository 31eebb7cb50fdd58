using System.Buffers;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;

namespace Chariot.Edge.Packets;

/// <summary>
/// Encodes one PUBLISH for many subscribers: once per protocol version, QoS and RETAIN flag, then copied. Subscription
/// identifiers, which differ by subscriber, are encoded for each. One per thread; what it returns is valid until its next use.
/// </summary>
internal sealed class PublishEncoder
{
    [ThreadStatic]
    private static PublishEncoder? t_current;

    private readonly Encoding[] _encodings = new Encoding[12];
    private byte[]? _single;
    private byte[] _properties = [];
    private ApplicationMessage? _message;
    private long _now;

    public static PublishEncoder Current => t_current ??= new PublishEncoder();

    /// <summary>Forgets the message before; must precede a new one.</summary>
    public void Begin(ApplicationMessage? message = null, long now = 0)
    {
        _message = message;
        _now = now;
        foreach (ref var encoding in _encodings.AsSpan())
        {
            encoding.Length = 0;
        }
    }

    /// <summary>A QoS 0 copy of the packet in <paramref name="view"/>, for a subscriber that cannot have the very same bytes.</summary>
    public ReadOnlySpan<byte> Encode(scoped in PublishView view, scoped ReadOnlySpan<byte> topic, ProtocolVersion version, bool retain, scoped ReadOnlySpan<uint> subscriptionIdentifiers)
    {
        ref var encoding = ref _encodings[Index(version, QualityOfService.AtMostOnce, retain)];
        if (encoding.Length > 0 && subscriptionIdentifiers.IsEmpty)
        {
            return encoding.Bytes.AsSpan(0, encoding.Length);
        }

        var properties = view.HasContiguousProperties ? view.Properties : CopyProperties(view);
        ref var bytes = ref subscriptionIdentifiers.IsEmpty ? ref encoding.Bytes : ref _single;
        var length = Write(ref bytes, version, topic, QualityOfService.AtMostOnce, retain, properties, view.MessageExpirySeconds, subscriptionIdentifiers, view.Payload, out _);
        if (subscriptionIdentifiers.IsEmpty)
        {
            encoding.Length = length;
        }

        return bytes.AsSpan(0, length);
    }

    /// <summary>A copy of <paramref name="message"/>; its packet id is to be written at <paramref name="packetIdOffset"/>.</summary>
    public ReadOnlySpan<byte> Encode(ApplicationMessage message, long now, ProtocolVersion version, QualityOfService qos, bool retain, scoped ReadOnlySpan<uint> subscriptionIdentifiers, out int packetIdOffset)
    {
        if (!ReferenceEquals(message, _message) || (message.ExpiresAt != long.MaxValue && now != _now))
        {
            Begin(message, now);
        }

        ref var encoding = ref _encodings[Index(version, qos, retain)];
        if (encoding.Length > 0 && subscriptionIdentifiers.IsEmpty)
        {
            packetIdOffset = encoding.PacketIdOffset;
            return encoding.Bytes.AsSpan(0, encoding.Length);
        }

        // What is left of the Message Expiry Interval, rounded up [MQTT-3.3.2-6].
        uint? expiry = message.ExpiresAt == long.MaxValue ? null : (uint)Math.Max(0, (message.ExpiresAt - now + 999) / 1000);
        ref var bytes = ref subscriptionIdentifiers.IsEmpty ? ref encoding.Bytes : ref _single;
        var length = Write(ref bytes, version, message.Topic.Span, qos, retain, message.Properties.Span, expiry, subscriptionIdentifiers, message.Payload.Span, out packetIdOffset);
        if (subscriptionIdentifiers.IsEmpty)
        {
            encoding.Length = length;
            encoding.PacketIdOffset = packetIdOffset;
        }

        return bytes.AsSpan(0, length);
    }

    private static int Index(ProtocolVersion version, QualityOfService qos, bool retain) =>
        (((int)qos * 2) + (retain ? 1 : 0)) * 2 + (version == ProtocolVersion.V500 ? 1 : 0);

    private static int Write(
        ref byte[]? bytes,
        ProtocolVersion version,
        ReadOnlySpan<byte> topic,
        QualityOfService qos,
        bool retain,
        ReadOnlySpan<byte> properties,
        uint? expiry,
        ReadOnlySpan<uint> subscriptionIdentifiers,
        ReadOnlySpan<byte> payload,
        out int packetIdOffset)
    {
        var size = PublishWriter.GetSize(version, topic.Length, qos, properties.Length, expiry.HasValue, subscriptionIdentifiers, payload.Length);
        if (bytes is null || bytes.Length < size)
        {
            if (bytes is { Length: > 0 })
            {
                ArrayPool<byte>.Shared.Return(bytes);
            }

            bytes = ArrayPool<byte>.Shared.Rent(Math.Max(size, 256));
        }

        return PublishWriter.Write(bytes, version, topic, qos, dup: false, retain, 1, properties, expiry, subscriptionIdentifiers, payload, out packetIdOffset);
    }

    private ReadOnlySpan<byte> CopyProperties(in PublishView view)
    {
        if (_properties.Length < view.PropertiesLength)
        {
            _properties = new byte[view.PropertiesLength * 2];
        }

        return _properties.AsSpan(0, view.CopyProperties(_properties));
    }

    private struct Encoding
    {
        public byte[]? Bytes;
        public int Length;
        public int PacketIdOffset;
    }
}
