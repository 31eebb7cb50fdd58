namespace Chariot.Abstractions.Configuration;

[GenerateSerializer, Alias("chariot.on-denied.v1")]
public enum OnDenied : byte
{
    /// <summary>Refuse with 0x87 (5.0), acknowledge and drop (3.1.1), drop QoS 0.</summary>
    Deny,
    /// <summary>Close the connection; 5.0 clients get DISCONNECT 0x87.</summary>
    Disconnect,
}

[GenerateSerializer, Alias("chariot.client-certificate-policy.v1")]
public enum ClientCertificatePolicy : byte
{
    None,
    Optional,
    Required,
}

/// <summary>Which member of a shared subscription gets a message.</summary>
[GenerateSerializer, Alias("chariot.shared-subscription-strategy.v1")]
public enum SharedSubscriptionStrategy : byte
{
    /// <summary>The member with the fewest unacknowledged and waiting messages.</summary>
    LeastLoaded,
    /// <summary>Members in turn, those without head-room left out.</summary>
    RoundRobin,
    /// <summary>One member for all messages of one publisher, as long as it is connected.</summary>
    HashByClient,
    /// <summary>One member for all messages of one topic, as long as it is connected.</summary>
    HashByTopic,
    /// <summary>One member for everything until it is gone or has no head-room.</summary>
    Sticky,
}

/// <summary>Live MQTT settings: <c>GET/PUT /api/v1/settings/mqtt</c>.</summary>
[GenerateSerializer, Immutable, Alias("chariot.mqtt-settings.v1")]
public sealed record MqttSettings
{
    [Id(0)] public bool AllowAnonymous { get; init; }

    /// <summary>Username of the credential whose ACLs bound every anonymous client; null for <c>#</c>.</summary>
    [Id(1)] public string? AnonymousCredential { get; init; }

    [Id(2)] public OnDenied OnDenied { get; init; }

    /// <summary>Whether the plain listener (1883) accepts clients.</summary>
    [Id(3)] public bool PlainListenerEnabled { get; init; } = true;

    [Id(4)] public ClientCertificatePolicy ClientCertificates { get; init; }

    [Id(5)] public MqttLimits Limits { get; init; } = new();

    [Id(10)] public SharedSubscriptionStrategy SharedSubscriptionStrategy { get; init; }

    /// <summary>
    /// MQTT 5.0 Response Information, sent to clients that ask for it: a base for their response topics, <c>%c</c> stands for the client
    /// id. Null: none is sent. At most 1,024 characters.
    /// </summary>
    [Id(11)] public string? ResponseInformation { get; init; }

    /// <summary>
    /// MQTT 5.0 Server Reference: other servers (<c>host:port</c>, separated by blanks) that 5.0 clients are sent to, with 0x9C, when this
    /// node shuts down. Null: they are only told that it does. At most 1,024 characters.
    /// </summary>
    [Id(12)] public string? ServerReference { get; init; }
}

/// <summary>Limits of the MQTT side. Each default is stated with its unit; all can be changed while clients are connected.</summary>
[GenerateSerializer, Immutable, Alias("chariot.mqtt-limits.v1")]
public sealed record MqttLimits
{
    /// <summary>Whole packet, bytes, fixed header included. 1 KiB to 268,435,460.</summary>
    [Id(0)] public int MaximumPacketSize { get; init; } = 1024 * 1024;

    /// <summary>CONNECT, bytes.</summary>
    [Id(1)] public int MaximumConnectSize { get; init; } = 64 * 1024;

    /// <summary>Seconds from accept to CONNECT, not extended by single bytes.</summary>
    [Id(2)] public int ConnectTimeoutSeconds { get; init; } = 10;

    /// <summary>Client id, UTF-8 bytes.</summary>
    [Id(3)] public int MaximumClientIdLength { get; init; } = 128;

    /// <summary>Topic name and filter, UTF-8 bytes.</summary>
    [Id(4)] public int MaximumTopicLength { get; init; } = 1024;

    /// <summary>Levels of a topic name or filter.</summary>
    [Id(5)] public int MaximumTopicLevels { get; init; } = 32;

    [Id(6)] public int MaximumFiltersPerSubscribe { get; init; } = 100;

    [Id(7)] public int MaximumSubscriptionsPerClient { get; init; } = 1000;

    /// <summary>Unacknowledged QoS 1/2 publishes that a client may have towards us.</summary>
    [Id(8)] public int ReceiveMaximum { get; init; } = 128;

    /// <summary>Unacknowledged QoS 1/2 publishes that we keep towards a client, besides its own Receive Maximum.</summary>
    [Id(9)] public int MaximumInflight { get; init; } = 64;

    /// <summary>Messages waiting for one live client.</summary>
    [Id(10)] public int MaximumQueuedMessages { get; init; } = 16384;

    /// <summary>Bytes waiting for one live client, encoded.</summary>
    [Id(11)] public int MaximumQueuedBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Bytes stored for one durable session; publishers beyond it get 0x97.</summary>
    [Id(12)] public long MaximumDurableQueueBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>Seconds; longer requests are capped, told in CONNACK.</summary>
    [Id(13)] public uint MaximumSessionExpirySeconds { get; init; } = 7 * 24 * 3600;

    [Id(14)] public int MaximumRetainedMessages { get; init; } = 100_000;

    /// <summary>Bytes of all retained messages: topics, properties and payloads.</summary>
    [Id(20)] public long MaximumRetainedBytes { get; init; } = 256L * 1024 * 1024;

    [Id(15)] public int MaximumTopicAliases { get; init; } = 32;

    /// <summary>Seconds; 0 leaves the client's Keep Alive alone.</summary>
    [Id(16)] public int MaximumKeepAliveSeconds { get; init; }

    /// <summary>PUBLISH packets a second from one client; 0 for any. Above it reading pauses, above ten times of it for 10 s the client is closed (5.0: 0x96).</summary>
    [Id(21)] public int MaximumMessageRate { get; init; }

    /// <summary>Bytes a second from one client; 0 for any. As <see cref="MaximumMessageRate"/>.</summary>
    [Id(22)] public int MaximumByteRate { get; init; }

    /// <summary>Connections a second that a node accepts, after a burst of as many; the rest waits in the backlog of the port. 0 for any.</summary>
    [Id(23)] public int MaximumConnectRate { get; init; } = 500;

    /// <summary>CONNECTs a second from one address, after a burst of as many; beyond it 0x9F (3.1.1: 0x03). 0 for any; never for loopback.</summary>
    [Id(24)] public int MaximumConnectRatePerAddress { get; init; }

    /// <summary>Connections that use one credential on one node at a time; beyond it 0x97 (3.1.1: 0x05). 0 for any.</summary>
    [Id(25)] public int MaximumConnectionsPerCredential { get; init; }

    /// <summary>
    /// Bytes waiting for all durable sessions of a node. At 70 % the node warns; from 90 % on what would have to wait is refused with 0x97, and so is a
    /// CONNECT that would make another durable session (3.1.1: 0x03). 0 for any.
    /// </summary>
    [Id(26)] public long MaximumDurableBytes { get; init; } = 16L * 1024 * 1024 * 1024;

    /// <summary>
    /// Managed heap in percent of what the process may use. Above it the node accepts no connections, and half way from there to 100 % it does not
    /// read from those who send most. 0 for off.
    /// </summary>
    [Id(27)] public int MaximumMemoryPercent { get; init; } = 80;
}
