using System.Collections.Immutable;

namespace Chariot.Abstractions.Configuration;

/// <summary>
/// Which client certificates are accepted on the MQTT ports for TLS, and whose they are. One immutable value; a revision of the
/// configuration names it (<see cref="BrokerConfiguration.ClientTrustRevision"/>) and nodes fetch it when that name changes, so
/// that other changes do not carry revocation lists of megabytes around.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.client-trust.v1")]
public sealed record ClientTrust
{
    /// <summary>Entries of <see cref="RevokedSerials"/> at most.</summary>
    public const int MaximumRevokedSerials = 100_000;

    /// <summary>Entries of <see cref="Mappings"/> at most.</summary>
    public const int MaximumMappings = 10_000;

    /// <summary>Bytes of all <see cref="RevocationLists"/> together, packed, at most.</summary>
    public const int MaximumRevocationBytes = 16 * 1024 * 1024;

    /// <summary>No CA, so no certificate is accepted.</summary>
    public static readonly ClientTrust None = new();

    /// <summary>Revision of the configuration that it came with; 0 for <see cref="None"/>.</summary>
    [Id(0)] public long Revision { get; init; }

    /// <summary>Null while no client CA is set up.</summary>
    [Id(1)] public ClientAuthorities? Authorities { get; init; }

    /// <summary>One per CA key. A list stays when its CA is removed: a CA that comes back does not bring back what it revoked.</summary>
    [Id(2)] public ImmutableArray<RevocationList> RevocationLists { get; init; } = [];

    /// <summary>Serial numbers revoked by hand, whichever CA issued the certificate; see <see cref="SerialNumbers"/>.</summary>
    [Id(3)] public byte[] RevokedSerials { get; init; } = [];

    /// <summary>The first one that fits a certificate decides.</summary>
    [Id(4)] public ImmutableArray<CertificateMapping> Mappings { get; init; } = [];
}

/// <summary>The uploaded client CA file: roots, and intermediates that clients need not send.</summary>
[GenerateSerializer, Immutable, Alias("chariot.client-authorities.v1")]
public sealed record ClientAuthorities
{
    /// <summary>DER, in the order of the file, without duplicates.</summary>
    [Id(0)] public ImmutableArray<byte[]> Certificates { get; init; } = [];

    /// <summary>Of <see cref="Certificates"/>, in the same order.</summary>
    [Id(1)] public ImmutableArray<CertificateDetails> Details { get; init; } = [];

    [Id(2)] public required SslFileLabel File { get; init; }

    /// <summary>Warnings and remarks of the upload.</summary>
    [Id(3)] public ImmutableArray<Finding> Findings { get; init; } = [];
}

/// <summary>What a validated CRL (RFC 5280 section 5) says. Its signature was verified at upload; nodes only look serials up.</summary>
[GenerateSerializer, Immutable, Alias("chariot.revocation-list.v1")]
public sealed record RevocationList
{
    /// <summary>SHA-256 of the CA certificate that it was uploaded for, lower-case hex.</summary>
    [Id(0)] public required string IssuerSha256 { get; init; }

    /// <summary>SHA-256 of the CA's SubjectPublicKeyInfo, lower-case hex: a renewed CA certificate with the same key is the same CA.</summary>
    [Id(1)] public required string IssuerKeySha256 { get; init; }

    /// <summary>Subject of the CA, for people.</summary>
    [Id(2)] public required string Issuer { get; init; }

    /// <summary>CRL number, lower-case hex without leading zeros; null when the list has none.</summary>
    [Id(3)] public string? Number { get; init; }

    [Id(4)] public required DateTimeOffset ThisUpdate { get; init; }

    /// <summary>When its successor is due; null when the list does not say. Past it the list is still enforced.</summary>
    [Id(5)] public DateTimeOffset? NextUpdate { get; init; }

    /// <summary>See <see cref="SerialNumbers"/>.</summary>
    [Id(6)] public byte[] Serials { get; init; } = [];

    /// <summary>SHA-256 of the DER, lower-case hex.</summary>
    [Id(7)] public required string Sha256 { get; init; }

    [Id(8)] public required SslFileLabel File { get; init; }

    /// <summary>Warnings and remarks of the upload.</summary>
    [Id(9)] public ImmutableArray<Finding> Findings { get; init; } = [];
}

/// <summary>Which name of a certificate a mapping looks at. Every comparison is exact and of the whole value.</summary>
[GenerateSerializer, Alias("chariot.certificate-field.v1")]
public enum CertificateField : byte
{
    /// <summary>The common name; a subject with two of them, or with one in a multi-valued RDN, never matches.</summary>
    CommonName,
    /// <summary>A dNSName of the alternative names.</summary>
    DnsName,
    /// <summary>A uniformResourceIdentifier of the alternative names.</summary>
    Uri,
    /// <summary>The whole subject as <see cref="SubjectName"/> writes it, order included.</summary>
    Subject,
}

/// <summary>Gives the holder of a certificate the rights of a credential, without its password.</summary>
[GenerateSerializer, Immutable, Alias("chariot.certificate-mapping.v1")]
public sealed record CertificateMapping(
    [property: Id(0)] CertificateField Match,
    [property: Id(1)] string Value,
    [property: Id(2)] string Username);
