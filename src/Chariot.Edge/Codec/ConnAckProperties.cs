namespace Chariot.Edge.Codec;

/// <summary>MQTT 5.0 properties of CONNACK (section 3.2.2.3); null is not sent, and means the standard's default.</summary>
internal readonly record struct ConnAckProperties
{
    /// <summary>Seconds, when the server uses another value than the client's.</summary>
    public uint? SessionExpirySeconds { get; init; }

    /// <summary>Not 0.</summary>
    public ushort? ReceiveMaximum { get; init; }

    /// <summary>0 or 1; null for 2.</summary>
    public byte? MaximumQos { get; init; }

    public bool? RetainAvailable { get; init; }

    /// <summary>Bytes, not 0.</summary>
    public uint? MaximumPacketSize { get; init; }

    public string? AssignedClientId { get; init; }

    public ushort? TopicAliasMaximum { get; init; }

    /// <summary>Left out when the packet does not fit with it [MQTT-3.2.2-19].</summary>
    public string? ReasonString { get; init; }

    public bool? WildcardSubscriptionAvailable { get; init; }

    public bool? SubscriptionIdentifiersAvailable { get; init; }

    public bool? SharedSubscriptionAvailable { get; init; }

    /// <summary>Seconds, when the client is to use another value than its own.</summary>
    public ushort? ServerKeepAliveSeconds { get; init; }

    public string? ResponseInformation { get; init; }

    public string? ServerReference { get; init; }

    public string? AuthenticationMethod { get; init; }

    public ReadOnlyMemory<byte>? AuthenticationData { get; init; }
}
