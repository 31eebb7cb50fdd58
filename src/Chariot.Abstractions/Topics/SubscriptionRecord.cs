namespace Chariot.Abstractions.Topics;

/// <summary>
/// One subscription of a session, as its client asked for it. <see cref="Filter"/> includes a <c>$share/group/</c> prefix.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.subscription.v1")]
public sealed record SubscriptionRecord(
    [property: Id(0)] string Filter,
    [property: Id(1)] QualityOfService QualityOfService)
{
    /// <summary>MQTT 5.0 section 3.8.3.1: do not send the client its own messages.</summary>
    [Id(2)] public bool NoLocal { get; init; }

    /// <summary>MQTT 5.0: keep the RETAIN flag as published.</summary>
    [Id(3)] public bool RetainAsPublished { get; init; }

    /// <summary>MQTT 5.0 Retain Handling, 0 to 2.</summary>
    [Id(4)] public byte RetainHandling { get; init; }

    /// <summary>MQTT 5.0 Subscription Identifier, 1 to 268,435,455; 0 when absent.</summary>
    [Id(5)] public uint SubscriptionIdentifier { get; init; }
}
