using System.Collections.Immutable;
using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>Kinds of GeneralName (RFC 5280 section 4.2.1.6) that rules look at; the value is the tag.</summary>
internal enum NameKind
{
    Other = 0,
    Email = 1,
    Dns = 2,
    Directory = 4,
    Uri = 6,
    Ip = 7,
}

/// <summary>One alternative name or name constraint. <see cref="Bytes"/> for addresses, <see cref="Directory"/> for directory names.</summary>
internal sealed record GeneralName(NameKind Kind, string Text, byte[] Bytes, DistinguishedName? Directory = null);

/// <summary>The public key in a certificate.</summary>
internal sealed record PublicKeyInfo(string AlgorithmOid, string KeyType, int Bits)
{
    /// <summary>The curve is written out instead of named (CVE-2022-0778).</summary>
    public bool HasExplicitCurve { get; init; }

    public string? CurveOid { get; init; }

    /// <summary>Bits of the RSA public exponent; 0 for other keys.</summary>
    public int ExponentBits { get; init; }

    /// <summary>SHA-256 over modulus and exponent, the same for a key pair's two halves; null when not rsaEncryption.</summary>
    public string? RsaFingerprint { get; init; }

    public bool IsRsa => AlgorithmOid == KnownOids.Rsa;
}

/// <summary>An X.509 certificate, read once; every rule works on this.</summary>
internal sealed class ParsedCertificate
{
    public required Place At { get; init; }
    public required byte[] Der { get; init; }
    /// <summary>1 or 3.</summary>
    public required int Version { get; init; }
    public required string SerialNumber { get; init; }
    public required DistinguishedName Subject { get; init; }
    public required DistinguishedName Issuer { get; init; }
    public required DateTimeOffset NotBefore { get; init; }
    public required DateTimeOffset NotAfter { get; init; }
    public required PublicKeyInfo Key { get; init; }
    public required byte[] PublicKeyDer { get; init; }
    public required string SignatureAlgorithm { get; init; }
    /// <summary>The signature's hash is MD2, MD4, MD5 or SHA-1.</summary>
    public required bool HasWeakSignature { get; init; }
    public required CertificateExtensions Extensions { get; init; }

    public string Sha256 { get => field ??= Convert.ToHexStringLower(SHA256.HashData(Der)); }

    /// <summary>Subject for a sentence: quoted, bounded, without control characters.</summary>
    public string Name => FindingList.Quote(Subject.IsEmpty ? Extensions.AlternativeNames.FirstOrDefault()?.Text ?? "(no name)" : Subject.Display);

    public string IssuerName => FindingList.Quote(Issuer.Display);

    public bool IsSelfIssued => Subject.Canonical == Issuer.Canonical;

    public CertificateDetails ToDetails() => new()
    {
        Subject = Subject.Display,
        Issuer = Issuer.Display,
        SerialNumber = SerialNumber,
        NotBefore = NotBefore,
        NotAfter = NotAfter,
        SubjectAlternativeNames = [.. Extensions.AlternativeNames.Select(Label)],
        KeyType = Key.KeyType,
        KeyBits = Key.Bits,
        SignatureAlgorithm = SignatureAlgorithm,
        Sha256Fingerprint = Sha256,
    };

    private static string Label(GeneralName name) => name.Kind switch
    {
        NameKind.Dns => "DNS:" + name.Text,
        NameKind.Ip => "IP:" + name.Text,
        NameKind.Uri => "URI:" + name.Text,
        NameKind.Email => "email:" + name.Text,
        NameKind.Directory => "directory:" + name.Text,
        _ => "other",
    };
}

/// <summary>The extensions (RFC 5280 section 4.2) that rules look at.</summary>
internal sealed class CertificateExtensions
{
    public const int DigitalSignature = 0x80;
    public const int KeyCertSign = 0x04;

    public bool IsCa { get; set; }
    public int? PathLength { get; set; }
    /// <summary>First byte of the keyUsage bits; null when the extension is absent.</summary>
    public int? KeyUsage { get; set; }
    /// <summary>Null when the extension is absent.</summary>
    public List<string>? ExtendedKeyUsages { get; set; }
    public bool HasAlternativeNames { get; set; }
    public List<GeneralName> AlternativeNames { get; set; } = [];
    public List<GeneralName> PermittedNames { get; set; } = [];
    public List<GeneralName> ExcludedNames { get; set; } = [];
    /// <summary>Lower-case hex; null when absent.</summary>
    public string? SubjectKeyId { get; set; }
    public string? AuthorityKeyId { get; set; }
    public bool MustStaple { get; set; }
    /// <summary>Where the issuer's certificate is said to be; shown, never fetched.</summary>
    public string? IssuerAddress { get; set; }
    /// <summary>Critical extensions that TLS libraries do not process.</summary>
    public List<string> UnknownCritical { get; } = [];
}
