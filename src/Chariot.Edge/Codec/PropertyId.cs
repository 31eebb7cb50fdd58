namespace Chariot.Edge.Codec;

/// <summary>MQTT 5.0 property identifiers (section 2.2.2.2) and, as bit sets, the packets that may carry them.</summary>
internal static class PropertyId
{
    public const byte PayloadFormatIndicator = 0x01;
    public const byte MessageExpiryInterval = 0x02;
    public const byte ContentType = 0x03;
    public const byte ResponseTopic = 0x08;
    public const byte CorrelationData = 0x09;
    public const byte SubscriptionIdentifier = 0x0B;
    public const byte SessionExpiryInterval = 0x11;
    public const byte AssignedClientIdentifier = 0x12;
    public const byte ServerKeepAlive = 0x13;
    public const byte AuthenticationMethod = 0x15;
    public const byte AuthenticationData = 0x16;
    public const byte RequestProblemInformation = 0x17;
    public const byte WillDelayInterval = 0x18;
    public const byte RequestResponseInformation = 0x19;
    public const byte ResponseInformation = 0x1A;
    public const byte ServerReference = 0x1C;
    public const byte ReasonString = 0x1F;
    public const byte ReceiveMaximum = 0x21;
    public const byte TopicAliasMaximum = 0x22;
    public const byte TopicAlias = 0x23;
    public const byte MaximumQos = 0x24;
    public const byte RetainAvailable = 0x25;
    public const byte UserProperty = 0x26;
    public const byte MaximumPacketSize = 0x27;
    public const byte WildcardSubscriptionAvailable = 0x28;
    public const byte SubscriptionIdentifiersAvailable = 0x29;
    public const byte SharedSubscriptionAvailable = 0x2A;

    public const ulong InConnect =
        1UL << SessionExpiryInterval | 1UL << ReceiveMaximum | 1UL << MaximumPacketSize | 1UL << TopicAliasMaximum | 1UL << RequestResponseInformation
        | 1UL << RequestProblemInformation | 1UL << UserProperty | 1UL << AuthenticationMethod | 1UL << AuthenticationData;

    public const ulong InWill =
        1UL << WillDelayInterval | 1UL << PayloadFormatIndicator | 1UL << MessageExpiryInterval | 1UL << ContentType | 1UL << ResponseTopic
        | 1UL << CorrelationData | 1UL << UserProperty;

    public const ulong InPublish =
        1UL << PayloadFormatIndicator | 1UL << MessageExpiryInterval | 1UL << TopicAlias | 1UL << ResponseTopic | 1UL << CorrelationData
        | 1UL << UserProperty | 1UL << SubscriptionIdentifier | 1UL << ContentType;

    public const ulong InSubscribe = 1UL << SubscriptionIdentifier | 1UL << UserProperty;

    public const ulong InUnsubscribe = 1UL << UserProperty;

    public const ulong InAcknowledgement = 1UL << ReasonString | 1UL << UserProperty;

    public const ulong InDisconnect = 1UL << SessionExpiryInterval | 1UL << ReasonString | 1UL << UserProperty | 1UL << ServerReference;

    public const ulong InAuth = 1UL << AuthenticationMethod | 1UL << AuthenticationData | 1UL << ReasonString | 1UL << UserProperty;

    /// <summary>Properties of PUBLISH and wills that belong to one hop or one time and are not forwarded as they are.</summary>
    public const ulong NotForwarded = 1UL << TopicAlias | 1UL << MessageExpiryInterval | 1UL << SubscriptionIdentifier | 1UL << WillDelayInterval;
}
