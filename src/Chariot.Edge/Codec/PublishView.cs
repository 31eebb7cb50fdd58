using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Codec;

/// <summary>A PUBLISH in the read buffer: spans into it, valid as long as the buffer. See <see cref="PublishReader"/>.</summary>
internal readonly ref struct PublishView
{
    private readonly ReadOnlySpan<byte> _block;
    private readonly int _forwardedStart;
    private readonly int _forwardedLength;
    private readonly bool _contiguous;

    internal PublishView(byte header, ReadOnlySpan<byte> topic, ushort packetId, ReadOnlySpan<byte> payload)
    {
        Header = header;
        Topic = topic;
        PacketId = packetId;
        Payload = payload;
        _contiguous = true;
    }

    internal PublishView(
        byte header,
        ReadOnlySpan<byte> topic,
        ushort packetId,
        ReadOnlySpan<byte> payload,
        ReadOnlySpan<byte> block,
        scoped in PublishProperties properties)
        : this(header, topic, packetId, payload)
    {
        _block = block;
        _forwardedStart = properties.ForwardedStart;
        _forwardedLength = properties.ForwardedLength;
        _contiguous = properties.ForwardedEnd - properties.ForwardedStart == properties.ForwardedLength;
        TopicAlias = properties.TopicAlias;
        MessageExpirySeconds = properties.MessageExpirySeconds;
        PayloadFormat = properties.PayloadFormat;
    }

    /// <summary>First byte of the packet.</summary>
    public byte Header { get; }

    /// <summary>Valid UTF-8 without wildcards; empty only with a <see cref="TopicAlias"/>.</summary>
    public ReadOnlySpan<byte> Topic { get; }

    /// <summary>0 for QoS 0, never 0 otherwise.</summary>
    public ushort PacketId { get; }

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>0 when absent.</summary>
    public ushort TopicAlias { get; }

    /// <summary>Seconds; null for never.</summary>
    public uint? MessageExpirySeconds { get; }

    /// <summary>Payload Format Indicator, 1 for UTF-8; not verified.</summary>
    public byte PayloadFormat { get; }

    public QualityOfService Qos => (QualityOfService)(Header >> 1 & 0b11);

    public bool Retain => (Header & 0b0001) != 0;

    public bool Dup => (Header & 0b1000) != 0;

    /// <summary>Bytes of the properties to forward: all but Topic Alias, Message Expiry Interval and Subscription Identifier.</summary>
    public int PropertiesLength => _forwardedLength;

    /// <summary>Whether <see cref="Properties"/> has them; false when one that is not forwarded stands between others.</summary>
    public bool HasContiguousProperties => _contiguous;

    /// <summary>The properties to forward, without a copy; only with <see cref="HasContiguousProperties"/>.</summary>
    public ReadOnlySpan<byte> Properties => _contiguous ? _block.Slice(_forwardedStart, _forwardedLength) : default;

    /// <summary>Copies the properties to forward, contiguous or not, into at least <see cref="PropertiesLength"/> bytes; returns their length.</summary>
    public int CopyProperties(Span<byte> destination)
    {
        if (!_contiguous)
        {
            return ForwardedProperties.Copy(_block, destination);
        }

        Properties.CopyTo(destination);
        return _forwardedLength;
    }
}
