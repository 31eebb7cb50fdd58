using System.Collections.Immutable;

namespace Chariot.Abstractions.Configuration;

/// <summary>
/// Everything that is configured while the broker runs, credentials aside, as one immutable value. One revision number
/// covers all of it, credentials included; it only rises.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.broker-configuration.v1")]
public sealed record BrokerConfiguration
{
    [Id(0)] public long Revision { get; init; }
    [Id(1)] public MqttSettings Mqtt { get; init; } = new();
    [Id(2)] public TlsSettings Tls { get; init; } = new();
    [Id(3)] public AdminSettings Admin { get; init; } = new();
    /// <summary>Null while SSL is not set up.</summary>
    [Id(4)] public SslConfiguration? Ssl { get; init; }
    /// <summary><see cref="ClientTrust.Revision"/> of the trust in client certificates that this configuration comes with; 0 for none.</summary>
    [Id(5)] public long ClientTrustRevision { get; init; }
    /// <summary>Random name of this line of revisions: a copy of the store has the same one, a new store another. Null in stores of older versions.</summary>
    [Id(6)] public string? ConfigurationId { get; init; }
    /// <summary>Revision in which an administrator last decided about <see cref="Ssl"/>: set-up, replacement, deletion, confirmation. 0: by an older version, or never.</summary>
    [Id(7)] public long SslRevision { get; init; }
}

/// <summary>What a silo needs to go from one revision to another.</summary>
[GenerateSerializer, Immutable, Alias("chariot.configuration-update.v1")]
public sealed record ConfigurationUpdate(
    [property: Id(0)] BrokerConfiguration Configuration,
    // Changed or deleted usernames since the asked revision; default (not empty) when "any of them may have changed".
    [property: Id(1)] ImmutableArray<string> ChangedCredentials);

/// <summary>One node's answer to a change.</summary>
[GenerateSerializer, Immutable, Alias("chariot.node-result.v1")]
public sealed record NodeResult(
    [property: Id(0)] string Node,
    [property: Id(1)] long Revision,
    [property: Id(2)] bool Applied,
    [property: Id(3)] string? Error)
{
    /// <summary>SHA-256 of the certificate served, lower-case hex; null when none.</summary>
    [Id(4)] public string? ServedFingerprint { get; init; }

    /// <summary>The highest <see cref="BrokerConfiguration.SslRevision"/> that this node has a record of; 0 for none. Above the store's: the store is an old copy.</summary>
    [Id(5)] public long SslRevisionSeen { get; init; }
}

/// <summary>How a change of the configuration ended.</summary>
[GenerateSerializer, Alias("chariot.change-outcome.v1")]
public enum ChangeOutcome : byte
{
    Applied,
    /// <summary>412: <c>expectedRevision</c> is not the object's revision.</summary>
    RevisionConflict,
    NotFound,
    /// <summary>409 credential-exists.</summary>
    CredentialExists,
    /// <summary>409 credential-in-use: anonymous or a client certificate is mapped to it.</summary>
    CredentialInUse,
    /// <summary>400: the anonymous credential is not configured or disabled, or that of a certificate mapping is not configured.</summary>
    UnknownCredential,
    /// <summary>409 already-set-up.</summary>
    AlreadySetUp,
    /// <summary>409 silo-cannot-activate; see <see cref="ChangeResult.Nodes"/>.</summary>
    SiloCannotActivate,
}

/// <summary>Answer of a changing call of <see cref="IConfigurationGrain"/>.</summary>
[GenerateSerializer, Immutable, Alias("chariot.change-result.v1")]
public sealed record ChangeResult(
    [property: Id(0)] ChangeOutcome Outcome,
    [property: Id(1)] long Revision,
    [property: Id(2)] ImmutableArray<NodeResult> Nodes);
