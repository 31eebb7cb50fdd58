using System.Diagnostics;
using System.Security.Cryptography;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>What a PEM label announces.</summary>
internal enum PemKind
{
    /// <summary><c>PRIVATE KEY</c>, RFC 5958.</summary>
    Pkcs8Key,
    /// <summary><c>RSA PRIVATE KEY</c>, RFC 8017 appendix A.1.2.</summary>
    Pkcs1Key,
    EncryptedKey,
    /// <summary>A private key of another algorithm with a label of its own (EC, DSA).</summary>
    OtherKey,
    OpenSshKey,
    PublicKey,
    Certificate,
    Request,
    Pkcs7,
    /// <summary>Domain parameters that tools write before a key (EC, DH, DSA).</summary>
    Parameters,
    Other,
}

/// <summary>One block of a PEM file. May hold key bytes: pinned, and wiped by <see cref="Dispose"/>.</summary>
[DebuggerDisplay("{Label}")]
internal sealed class PemBlock(string label, Place at) : IDisposable
{
    public string Label { get; } = label;

    public PemKind Kind { get; } = Classify(label);

    /// <summary>Block number and the line of BEGIN.</summary>
    public Place At { get; } = at;

    /// <summary>RFC 1421 header <c>Proc-Type: 4,ENCRYPTED</c> was there.</summary>
    public bool IsEncrypted { get; set; }

    /// <summary>What stood in RFC 1421 header <c>DEK-Info</c>: cipher and initialization vector; null without it.</summary>
    public string? EncryptionHeader { get; set; }

    /// <summary>A passphrase opened it; <see cref="Content"/> is in clear.</summary>
    public bool WasEncrypted { get; init; }

    /// <summary>The block could not be decoded (already reported); <see cref="Content"/> is empty.</summary>
    public bool IsBroken { get; set; }

    public byte[] Content { get; private set; } = [];

    public bool IsPrivateKey => Kind is PemKind.Pkcs8Key or PemKind.Pkcs1Key or PemKind.EncryptedKey or PemKind.OtherKey or PemKind.OpenSshKey;

    public void SetContent(ReadOnlySpan<byte> content)
    {
        Content = GC.AllocateUninitializedArray<byte>(content.Length, pinned: true);
        content.CopyTo(Content);
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(Content);

    private static PemKind Classify(string label) => label switch
    {
        "PRIVATE KEY" => PemKind.Pkcs8Key,
        "RSA PRIVATE KEY" => PemKind.Pkcs1Key,
        "ENCRYPTED PRIVATE KEY" => PemKind.EncryptedKey,
        "OPENSSH PRIVATE KEY" or "SSH2 ENCRYPTED PRIVATE KEY" => PemKind.OpenSshKey,
        "CERTIFICATE" or "X509 CERTIFICATE" => PemKind.Certificate,
        "CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST" => PemKind.Request,
        "PKCS7" or "CMS" or "PKCS #7 SIGNED DATA" => PemKind.Pkcs7,
        _ when label.EndsWith("PRIVATE KEY", StringComparison.Ordinal) => PemKind.OtherKey,
        _ when label.EndsWith("PUBLIC KEY", StringComparison.Ordinal) => PemKind.PublicKey,
        _ when label.EndsWith(" PARAMETERS", StringComparison.Ordinal) => PemKind.Parameters,
        _ => PemKind.Other,
    };
}
