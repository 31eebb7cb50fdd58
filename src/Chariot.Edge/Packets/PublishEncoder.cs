using System.Buffers;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;

namespace Chariot.Edge.Packets;

/// <summary>
/// Encodes one PUBLISH for many subscribers: once per protocol version, QoS, RETAIN flag and use of a topic alias, then copied; what
/// differs by subscriber, packet id and alias, is written into the copy. Subscription identifiers are encoded for each. One per thread; what it returns is valid until its next use.
/// </summary>
internal sealed class PublishEncoder
{
    [ThreadStatic]
    private static PublishEncoder? t_current;

    private readonly Encoding[] _encodings = new Encoding[36];
    private byte[]? _single;
    private byte[] _properties = [];
    private ApplicationMessage? _message;
    private long _now;
    private int _generation = 1;

    public static PublishEncoder Current => t_current ??= new PublishEncoder();

    /// <summary>Forgets the message before; must precede a new one.</summary>
    public void Begin(ApplicationMessage? message = null, long now = 0)
    {
        _message = message;
        _now = now;
        _generation++;
    }

    /// <summary>A QoS 0 copy of the packet in <paramref name="view"/>, for a subscriber that cannot have the very same bytes.</summary>
    public ReadOnlySpan<byte> Encode(scoped in PublishView view, scoped ReadOnlySpan<byte> topic, AliasUse alias, ProtocolVersion version, bool retain, scoped ReadOnlySpan<uint> subscriptionIdentifiers, out int aliasOffset)
    {
        ref var encoding = ref _encodings[Index(version, QualityOfService.AtMostOnce, retain, alias)];
        if (encoding.Generation == _generation && subscriptionIdentifiers.IsEmpty)
        {
            aliasOffset = encoding.AliasOffset;
            return encoding.Bytes.AsSpan(0, encoding.Length);
        }

        var properties = view.HasContiguousProperties ? view.Properties : CopyProperties(view);
        ref var bytes = ref subscriptionIdentifiers.IsEmpty ? ref encoding.Bytes : ref _single;
        var length = Write(ref bytes, version, topic, alias, QualityOfService.AtMostOnce, retain, properties, view.MessageExpirySeconds, subscriptionIdentifiers, view.Payload, out _, out aliasOffset);
        if (subscriptionIdentifiers.IsEmpty)
        {
            (encoding.Generation, encoding.Length, encoding.AliasOffset) = (_generation, length, aliasOffset);
        }

        return bytes.AsSpan(0, length);
    }

    /// <summary>A copy of <paramref name="message"/>; its packet id is to be written at <paramref name="packetIdOffset"/>.</summary>
    public ReadOnlySpan<byte> Encode(ApplicationMessage message, long now, ProtocolVersion version, QualityOfService qos, bool retain, AliasUse alias, scoped ReadOnlySpan<uint> subscriptionIdentifiers, out int packetIdOffset, out int aliasOffset)
    {
        if (!ReferenceEquals(message, _message) || (message.ExpiresAt != long.MaxValue && now != _now))
        {
            Begin(message, now);
        }

        ref var encoding = ref _encodings[Index(version, qos, retain, alias)];
        if (encoding.Generation == _generation && subscriptionIdentifiers.IsEmpty)
        {
            (packetIdOffset, aliasOffset) = (encoding.PacketIdOffset, encoding.AliasOffset);
            return encoding.Bytes.AsSpan(0, encoding.Length);
        }

        // What is left of the Message Expiry Interval, rounded up [MQTT-3.3.2-6].
        uint? expiry = message.ExpiresAt == long.MaxValue ? null : (uint)Math.Max(0, (message.ExpiresAt - now + 999) / 1000);
        ref var bytes = ref subscriptionIdentifiers.IsEmpty ? ref encoding.Bytes : ref _single;
        var length = Write(ref bytes, version, message.Topic.Span, alias, qos, retain, message.Properties.Span, expiry, subscriptionIdentifiers, message.Payload.Span, out packetIdOffset, out aliasOffset);
        if (subscriptionIdentifiers.IsEmpty)
        {
            (encoding.Generation, encoding.Length) = (_generation, length);
            (encoding.PacketIdOffset, encoding.AliasOffset) = (packetIdOffset, aliasOffset);
        }

        return bytes.AsSpan(0, length);
    }

    private static int Index(ProtocolVersion version, QualityOfService qos, bool retain, AliasUse alias) =>
        (((((int)alias * 3) + (int)qos) * 2) + (retain ? 1 : 0)) * 2 + (version == ProtocolVersion.V500 ? 1 : 0);

    private static int Write(
        ref byte[]? bytes,
        ProtocolVersion version,
        ReadOnlySpan<byte> topic,
        AliasUse alias,
        QualityOfService qos,
        bool retain,
        ReadOnlySpan<byte> properties,
        uint? expiry,
        ReadOnlySpan<uint> subscriptionIdentifiers,
        ReadOnlySpan<byte> payload,
        out int packetIdOffset,
        out int aliasOffset)
    {
        topic = alias == AliasUse.Known ? [] : topic;
        var aliasSize = alias == AliasUse.None ? 0 : PublishWriter.TopicAliasSize;
        var size = PublishWriter.GetSize(version, topic.Length, qos, properties.Length + aliasSize, expiry.HasValue, subscriptionIdentifiers, payload.Length);
        if (bytes is null || bytes.Length < size)
        {
            if (bytes is { Length: > 0 })
            {
                ArrayPool<byte>.Shared.Return(bytes);
            }

            bytes = ArrayPool<byte>.Shared.Rent(Math.Max(size, 256));
        }

        return PublishWriter.Write(bytes, version, topic, aliasSize > 0, qos, dup: false, retain, 1, properties, expiry, subscriptionIdentifiers, payload, out packetIdOffset, out aliasOffset);
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
        public int Generation;
        public int Length;
        public int PacketIdOffset;
        public int AliasOffset;
    }
}
