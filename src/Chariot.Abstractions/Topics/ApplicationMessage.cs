namespace Chariot.Abstractions.Topics;

/// <summary>
/// One published message that outlives its read batch: queued, stored or retained. Immutable, and shared by every
/// session that it goes to, so that it is held (and stored) once. QoS 0 messages to connected subscribers never
/// become one: they are copied straight into the subscribers' outbound buffers.
/// </summary>
public sealed class ApplicationMessage
{
    /// <summary>Identifier in the message store, unique per store; see <see cref="Stores.MessageIds"/>.</summary>
    public required long Id { get; init; }

    /// <summary>Topic name, UTF-8, at most 65,535 bytes.</summary>
    public required ReadOnlyMemory<byte> Topic { get; init; }

    /// <summary>
    /// The MQTT 5.0 properties to forward unaltered and in order, encoded as on the wire without their length, without
    /// Topic Alias, Message Expiry Interval and Subscription Identifier. Empty for 3.1.1 publishers.
    /// </summary>
    public ReadOnlyMemory<byte> Properties { get; init; }

    /// <summary>Application payload; may be empty.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>The QoS that the publisher chose; each subscriber gets the lower of this and its own.</summary>
    public required QualityOfService QualityOfService { get; init; }

    /// <summary>The publisher's RETAIN flag, for subscriptions with Retain As Published.</summary>
    public bool Retain { get; init; }

    /// <summary>Client id of the publisher, for No Local; empty for messages of the broker itself.</summary>
    public string Publisher { get; init; } = "";

    /// <summary>When the broker read it, Unix milliseconds UTC.</summary>
    public long PublishedAt { get; init; }

    /// <summary>When it expires, Unix milliseconds UTC; <see cref="long.MaxValue"/> for never (Message Expiry Interval).</summary>
    public long ExpiresAt { get; init; } = long.MaxValue;

    /// <summary>Bytes that it holds in memory: topic, properties and payload.</summary>
    public int Size => Topic.Length + Properties.Length + Payload.Length;
}
