using System.Collections.Immutable;

namespace Chariot.Abstractions.Configuration;

/// <summary>Live TLS policy: <c>GET/PUT /api/v1/settings/tls</c>.</summary>
[GenerateSerializer, Immutable, Alias("chariot.tls-settings.v1")]
public sealed record TlsSettings
{
    /// <summary>"1.2" or "1.3".</summary>
    [Id(0)] public string MinVersion { get; init; } = "1.2";
    [Id(1)] public bool OcspStapling { get; init; }
    /// <summary>Seconds from accept to the end of the handshake, 1 to 60.</summary>
    [Id(2)] public int HandshakeTimeoutSeconds { get; init; } = 10;
}

/// <summary>Live admin settings: <c>GET/PUT /api/v1/settings/admin</c>.</summary>
[GenerateSerializer, Immutable, Alias("chariot.admin-settings.v1")]
public sealed record AdminSettings
{
    /// <summary>"open", "redirect" or "off"; what becomes of plain HTTP once HTTPS is there.</summary>
    [Id(0)] public string AdminHttp { get; init; } = "open";
}

/// <summary>Which of the three uploaded files is meant.</summary>
[GenerateSerializer, Alias("chariot.ssl-file.v1")]
public enum SslFile : byte
{
    PrivateKey,
    ServerCertificate,
    CaChain,
}

/// <summary>Label and time of an uploaded file. The name is a label only: cut to 255 characters, never a path.</summary>
[GenerateSerializer, Immutable, Alias("chariot.ssl-file-label.v1")]
public sealed record SslFileLabel([property: Id(0)] string FileName, [property: Id(1)] DateTimeOffset UploadedAt);

/// <summary>What an API shows of a certificate.</summary>
[GenerateSerializer, Immutable, Alias("chariot.certificate-details.v1")]
public sealed record CertificateDetails
{
    [Id(0)] public required string Subject { get; init; }
    [Id(1)] public required string Issuer { get; init; }
    /// <summary>Lower-case hex without separators.</summary>
    [Id(2)] public required string SerialNumber { get; init; }
    [Id(3)] public required DateTimeOffset NotBefore { get; init; }
    [Id(4)] public required DateTimeOffset NotAfter { get; init; }
    /// <summary>e.g. <c>DNS:mqtt.example</c>, <c>IP:10.0.0.1</c>.</summary>
    [Id(5)] public ImmutableArray<string> SubjectAlternativeNames { get; init; } = [];
    [Id(6)] public required string KeyType { get; init; }
    [Id(7)] public required int KeyBits { get; init; }
    [Id(8)] public required string SignatureAlgorithm { get; init; }
    /// <summary>SHA-256 of the DER, lower-case hex without separators.</summary>
    [Id(9)] public required string Sha256Fingerprint { get; init; }
}

/// <summary>
/// A secret sealed with AES-256-GCM under a fresh data key, itself wrapped by the master key. This is the only form in which
/// a private key travels between processes or reaches a store.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.sealed-secret.v1")]
public sealed record SealedSecret(
    [property: Id(0)] byte[] WrappedKey,
    [property: Id(1)] byte[] Nonce,
    [property: Id(2)] byte[] Ciphertext)
{
    public override string ToString() => "sealed secret";
}

/// <summary>A validated certificate set-up, ready to be served: sealed PKCS#8 key, leaf, and chain in order.</summary>
[GenerateSerializer, Immutable, Alias("chariot.ssl-configuration.v1")]
public sealed record SslConfiguration
{
    /// <summary>Random id of this set-up; also the associated data of the sealed key.</summary>
    [Id(0)] public required string SetupId { get; init; }
    [Id(1)] public required SealedSecret PrivateKey { get; init; }
    /// <summary>Leaf, DER.</summary>
    [Id(2)] public required byte[] Certificate { get; init; }
    /// <summary>Intermediates in the order served, DER; no root.</summary>
    [Id(3)] public ImmutableArray<byte[]> Intermediates { get; init; } = [];
    /// <summary>The root, DER, for display only; null when the CA chain did not hold it.</summary>
    [Id(4)] public byte[]? Root { get; init; }
    [Id(5)] public ImmutableDictionary<SslFile, SslFileLabel> Files { get; init; } = ImmutableDictionary<SslFile, SslFileLabel>.Empty;
    [Id(6)] public required CertificateDetails Details { get; init; }
    /// <summary>Details of intermediates, then the root if known.</summary>
    [Id(7)] public ImmutableArray<CertificateDetails> Chain { get; init; } = [];
    /// <summary>Warnings and remarks kept with the set-up.</summary>
    [Id(8)] public ImmutableArray<Finding> Findings { get; init; } = [];
    /// <summary><see cref="StagedSslFile.GeneratedKeyId"/> of the key that this set-up takes; null when the key was uploaded.</summary>
    [Id(9)] public string? GeneratedKeyId { get; init; }
    /// <summary>Account or token that set it up; null when it is not known.</summary>
    [Id(10)] public string? SetUpBy { get; init; }
}

/// <summary>How a set-up ended.</summary>
[GenerateSerializer, Alias("chariot.ssl-removal.v1")]
public enum SslRemoval : byte
{
    Replaced,
    Deleted,
}

/// <summary>What is remembered of a set-up, the one in force included. Never a key, sealed or not.</summary>
[GenerateSerializer, Immutable, Alias("chariot.ssl-setup-record.v1")]
public sealed record SslSetupRecord
{
    [Id(0)] public required string SetupId { get; init; }
    /// <summary>Revision of the configuration that it came with.</summary>
    [Id(1)] public required long Revision { get; init; }
    [Id(2)] public required string Subject { get; init; }
    [Id(3)] public required string SerialNumber { get; init; }
    [Id(4)] public required string Sha256Fingerprint { get; init; }
    [Id(5)] public required DateTimeOffset NotBefore { get; init; }
    [Id(6)] public required DateTimeOffset NotAfter { get; init; }
    [Id(7)] public required DateTimeOffset SetUpAt { get; init; }
    [Id(8)] public string? SetUpBy { get; init; }
    /// <summary>Null while it is in force.</summary>
    [Id(9)] public DateTimeOffset? RemovedAt { get; init; }
    [Id(10)] public SslRemoval? Removal { get; init; }
    /// <summary>SHA-256 of the certificate's SubjectPublicKeyInfo, lower-case hex: which key it was. Null in records of older versions.</summary>
    [Id(11)] public string? KeySha256 { get; init; }
}

/// <summary>One staged upload: sealed as a whole, whatever it is.</summary>
[GenerateSerializer, Immutable, Alias("chariot.staged-ssl-file.v1")]
public sealed record StagedSslFile(
    [property: Id(0)] SealedSecret Content,
    [property: Id(1)] SslFileLabel Label,
    [property: Id(2)] ImmutableArray<Finding> Findings,
    [property: Id(3)] string Recognised,
    [property: Id(4)] DateTimeOffset ExpiresAt)
{
    /// <summary>
    /// Random id of a private key that was generated on the server; null for an upload. Such a key never expires: it waits
    /// for its certificate, and <see cref="ExpiresAt"/> is <see cref="DateTimeOffset.MaxValue"/>.
    /// </summary>
    [Id(5)] public string? GeneratedKeyId { get; init; }
}
