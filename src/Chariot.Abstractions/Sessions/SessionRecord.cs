using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Topics;
using Orleans.Runtime;

namespace Chariot.Abstractions.Sessions;

/// <summary>A will, as given at CONNECT [MQTT-3.1.2-7 and following].</summary>
[GenerateSerializer, Immutable, Alias("chariot.will.v1")]
public sealed record WillRecord(
    [property: Id(0)] byte[] Topic,
    [property: Id(1)] byte[] Payload,
    [property: Id(2)] QualityOfService QualityOfService,
    [property: Id(3)] bool Retain)
{
    /// <summary>MQTT 5.0 properties to forward, encoded; see <see cref="ApplicationMessage.Properties"/>.</summary>
    [Id(4)] public byte[] Properties { get; init; } = [];
    /// <summary>Will Delay Interval, seconds.</summary>
    [Id(5)] public uint DelaySeconds { get; init; }
    /// <summary>Message Expiry Interval, seconds; null for never.</summary>
    [Id(6)] public uint? MessageExpirySeconds { get; init; }

    public override string ToString() => "will";
}

/// <summary>
/// The persistent part of a session: state of its <see cref="ISessionGrain"/>, and what an edge loads in bulk at start.
/// Written only for durable sessions (expiry above 0, or MQTT 3.1.1 clean session 0).
/// </summary>
[GenerateSerializer, Alias("chariot.session-record.v1")]
public sealed class SessionRecord
{
    [Id(0)] public string ClientId { get; set; } = "";

    /// <summary>
    /// Key of this session's rows in the message store: random, positive, new whenever the session starts clean. Rows under
    /// an id that no record names are garbage.
    /// </summary>
    [Id(1)] public long SessionId { get; set; }

    /// <summary>Fencing token: rises with each CONNECT; commands with an older one are refused.</summary>
    [Id(2)] public long Epoch { get; set; }

    [Id(3)] public Principal Principal { get; set; }

    /// <summary>The silo whose edge holds the live session.</summary>
    [Id(4)] public SiloAddress? Owner { get; set; }

    /// <summary>Session Expiry Interval, seconds; 0xFFFFFFFF never expires. 0: the session ends with its connection.</summary>
    [Id(5)] public uint ExpirySeconds { get; set; }

    [Id(6)] public ImmutableArray<SubscriptionRecord> Subscriptions { get; set; } = [];

    [Id(7)] public WillRecord? Will { get; set; }

    /// <summary>Null while connected; otherwise when the connection ended, UTC: expiry counts from here.</summary>
    [Id(8)] public DateTimeOffset? DisconnectedAt { get; set; }
}
