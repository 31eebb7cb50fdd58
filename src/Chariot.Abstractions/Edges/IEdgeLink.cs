using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Orleans.Runtime;
using Orleans.Services;

namespace Chariot.Abstractions.Edges;

/// <summary>
/// One per silo: the door through which other silos, grains and admin hosts reach the edge there. Addressed by silo, never
/// placed or moved.
/// </summary>
[Alias("chariot.edge-link.v1")]
public interface IEdgeLink : IGrainService
{
    /// <summary>Acts on a revision; answers when nothing on this silo acts on an older one.</summary>
    [Alias("Apply")] Task<NodeResult> ApplyAsync(ConfigurationUpdate update);

    /// <summary>Gets ready to serve a certificate, without serving it. <see cref="NodeResult.Error"/> names port and cause.</summary>
    [Alias("PrepareSsl")] Task<NodeResult> PrepareSslAsync(SslConfiguration candidate);

    [Alias("AbandonSsl")] Task AbandonSslAsync(string setupId);

    /// <summary>
    /// Gives up the live session of a client: its connection is closed (5.0: 0x8E) and nothing more is sent to it. What comes for a
    /// durable one is stored until its new owner has it released (<see cref="IPeerEdge.ReleaseAsync"/>).
    /// </summary>
    [Alias("GiveUp")] Task GiveUpAsync(string clientId, long newEpoch);

    [Alias("Describe")] Task<NodeDescription> DescribeAsync();

    /// <summary>Sessions held by this silo, by client id, ordinal, after <paramref name="after"/>.</summary>
    [Alias("Clients")] Task<ImmutableArray<ClientDescription>> GetClientsAsync(string? after, int limit);

    /// <summary>Sessions held by this silo that a search meets, by client id, ordinal, and how many there are of them.</summary>
    [Alias("FindClients")] Task<ClientMatches> FindClientsAsync(ClientSearch search);

    [Alias("Client")] Task<ClientDescription?> GetClientAsync(string clientId);

    /// <summary>Closes a client's connection (5.0: 0x98) and, if asked, removes its session. False when unknown here.</summary>
    [Alias("Disconnect")] Task<bool> DisconnectAsync(string clientId, bool removeSession);

    /// <summary>Retained messages that match <paramref name="filter"/>, by topic, ordinal, after <paramref name="after"/>.</summary>
    [Alias("Retained")] Task<ImmutableArray<RetainedDescription>> GetRetainedAsync(string filter, string? after, int limit);

    /// <summary>
    /// Topic levels directly below the topic <paramref name="under"/> (null: the first levels), by name, ordinal, after
    /// <paramref name="after"/>. Only levels with a retained message on them or below.
    /// </summary>
    [Alias("RetainedLevels")] Task<ImmutableArray<RetainedLevel>> GetRetainedLevelsAsync(string? under, string? after, int limit);

    [Alias("DeleteRetained")] Task<bool> DeleteRetainedAsync(string topic);
}

/// <summary>Reaches the <see cref="IEdgeLink"/> of each live silo.</summary>
public interface IEdgeLinks
{
    /// <summary>Silos that are Active in membership, this one included.</summary>
    ImmutableArray<SiloAddress> Active { get; }

    SiloAddress Local { get; }

    IEdgeLink Get(SiloAddress silo);

    /// <summary>What people call the silo; its address where that is not known.</summary>
    string NameOf(SiloAddress silo) => silo.ToString();
}

/// <summary>What the edge of this process offers to <see cref="IEdgeLink"/>; the same calls without the wire.</summary>
public interface IEdgeNode
{
    Task GiveUpAsync(string clientId, long newEpoch);
    NodeDescription Describe();
    ImmutableArray<ClientDescription> GetClients(string? after, int limit);
    ClientMatches FindClients(ClientSearch search);
    ClientDescription? GetClient(string clientId);
    Task<bool> DisconnectAsync(string clientId, bool removeSession);
    ImmutableArray<RetainedDescription> GetRetained(string filter, string? after, int limit);
    ImmutableArray<RetainedLevel> GetRetainedLevels(string? under, string? after, int limit);
    Task<bool> DeleteRetainedAsync(string topic);
}

[GenerateSerializer, Immutable, Alias("chariot.node-description.v1")]
public sealed record NodeDescription
{
    [Id(0)] public required string Node { get; init; }
    [Id(1)] public long Revision { get; init; }
    /// <summary>Why the node is not ready, as its <c>/readyz</c> says; empty when it is.</summary>
    [Id(30)] public ImmutableArray<string> Reasons { get; init; } = [];
    [Id(2)] public string? ServedFingerprint { get; init; }
    /// <summary>e.g. <c>mqtt://0.0.0.0:1883</c>.</summary>
    [Id(3)] public ImmutableArray<string> Listeners { get; init; } = [];
    [Id(4)] public int Connections { get; init; }
    [Id(5)] public int Sessions { get; init; }
    [Id(6)] public long MessagesReceived { get; init; }
    [Id(7)] public long MessagesDelivered { get; init; }
    [Id(8)] public long MessagesDropped { get; init; }
    [Id(9)] public long RetainedMessages { get; init; }
    [Id(10)] public long BytesReceived { get; init; }
    [Id(11)] public long BytesSent { get; init; }
    /// <summary>
    /// SHA-256 of the certificate that the node's own MQTT port for TLS showed in the last loopback handshake, lower-case hex;
    /// null when there was none. <see cref="ServedFingerprint"/> is what the node means to serve.
    /// </summary>
    [Id(12)] public string? ProbedFingerprint { get; init; }
    /// <summary>Client certificates that were accepted since start and expire first, at most 100, the first to expire first.</summary>
    [Id(13)] public ImmutableArray<ClientCertificateDescription> ClientCertificates { get; init; } = [];
    /// <summary>TLS handshakes of MQTT clients that failed, TCP and WebSocket.</summary>
    [Id(20)] public long TlsHandshakesFailed { get; init; }
    /// <summary>How often each limit of the node was reached since start, by name; see <c>MqttLimits</c>.</summary>
    [Id(21)] public ImmutableArray<LimitCount> LimitsReached { get; init; } = [];
    /// <summary>Bytes waiting for durable sessions here, at the last look (twice a second).</summary>
    [Id(22)] public long DurableBytes { get; init; }
    /// <summary>Topic names that the node remembers with what matches them.</summary>
    [Id(23)] public int Topics { get; init; }
}

/// <param name="Limit">In Prometheus' manner: <c>message_rate</c>.</param>
[GenerateSerializer, Immutable, Alias("chariot.limit-count.v1")]
public sealed record LimitCount([property: Id(0)] string Limit, [property: Id(1)] long Count);

[GenerateSerializer, Immutable, Alias("chariot.client-description.v1")]
public sealed record ClientDescription
{
    [Id(0)] public required string ClientId { get; init; }
    [Id(1)] public string? Username { get; init; }
    [Id(2)] public bool Anonymous { get; init; }
    [Id(3)] public required string Node { get; init; }
    [Id(4)] public string? Address { get; init; }
    /// <summary>"3.1", "3.1.1" or "5.0".</summary>
    [Id(5)] public string? Protocol { get; init; }
    [Id(6)] public bool Tls { get; init; }
    [Id(7)] public bool Connected { get; init; }
    [Id(8)] public DateTimeOffset? ConnectedAt { get; init; }
    [Id(9)] public bool CleanStart { get; init; }
    /// <summary>Since when the client is away; null while it is connected.</summary>
    [Id(30)] public DateTimeOffset? DisconnectedAt { get; init; }
    /// <summary>What is published if the connection breaks; null without one.</summary>
    [Id(31)] public WillDescription? Will { get; init; }
    [Id(10)] public uint ExpirySeconds { get; init; }
    [Id(11)] public long Epoch { get; init; }
    [Id(12)] public ImmutableArray<ClientSubscription> Subscriptions { get; init; } = [];
    [Id(13)] public long Queued { get; init; }
    [Id(14)] public int Inflight { get; init; }
    /// <summary>Certificate of the connection; null without one.</summary>
    [Id(15)] public ClientCertificateDescription? Certificate { get; init; }
}

/// <param name="Subject">As <see cref="Configuration.SubjectName"/> writes it.</param>
/// <param name="SerialNumber">Lower-case hex without leading zeros.</param>
/// <param name="Sha256Fingerprint">SHA-256 of the DER, lower-case hex.</param>
[GenerateSerializer, Immutable, Alias("chariot.client-certificate-description.v1")]
public sealed record ClientCertificateDescription(
    [property: Id(0)] string Subject,
    [property: Id(1)] string SerialNumber,
    [property: Id(2)] string Sha256Fingerprint,
    [property: Id(3)] DateTimeOffset NotAfter);

/// <param name="State">"active" or "suspended".</param>
[GenerateSerializer, Immutable, Alias("chariot.client-subscription.v1")]
public sealed record ClientSubscription(
    [property: Id(0)] string Filter,
    [property: Id(1)] QualityOfService Qos,
    [property: Id(2)] string State);

[GenerateSerializer, Immutable, Alias("chariot.retained-description.v1")]
public sealed record RetainedDescription(
    [property: Id(0)] string Topic,
    [property: Id(1)] QualityOfService Qos,
    [property: Id(2)] byte[] Payload,
    [property: Id(3)] DateTimeOffset PublishedAt);
