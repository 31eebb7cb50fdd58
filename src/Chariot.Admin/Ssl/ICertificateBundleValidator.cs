using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl;

/// <summary>
/// Judges uploaded TLS files. Answers for every input, never throws for content, and never quotes key bytes. Safe to call from
/// several threads at once.
/// </summary>
internal interface ICertificateBundleValidator
{
    /// <summary>
    /// Judges one file by itself. <paramref name="content"/> is the file as uploaded; a default span means that there is no file. The
    /// caller disposes the result, which wipes a key in it.
    /// </summary>
    /// <param name="passphrase">Of a private key, in bytes as it was typed; null when none was given.</param>
    FileInspection InspectFile(SslFile slot, ReadOnlySpan<byte> content, ClearSecret? passphrase = null);

    /// <summary>Judges the three files together. The caller disposes the result, which wipes the key in it.</summary>
    BundleInspection InspectBundle(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> serverCertificate, ReadOnlySpan<byte> caChain, ClearSecret? passphrase = null);
}

/// <summary>What one file is and what is wrong with it. <see cref="Recognised"/> is for people, e.g. "RSA 2048-bit private key (PKCS#8)".</summary>
internal sealed class FileInspection(string recognised, ImmutableArray<Finding> findings) : IDisposable
{
    public string Recognised { get; } = recognised;

    public ImmutableArray<Finding> Findings { get; } = findings;

    public bool HasErrors => Findings.Any(finding => finding.Severity == FindingSeverity.Error);

    /// <summary>The key alone, in clear and as PEM, when a passphrase opened the file: this is to be sealed and kept, not the file. Wiped by <see cref="Dispose"/>.</summary>
    public ClearSecret? Decrypted { get; init; }

    public void Dispose() => Decrypted?.Dispose();
}

/// <summary>The judgement on three files and, when there are no errors, what is to be served.</summary>
internal sealed class BundleInspection : IDisposable
{
    /// <summary>All findings, errors first.</summary>
    public ImmutableArray<Finding> Findings { get; init; } = [];

    public bool HasErrors => Findings.Any(finding => finding.Severity == FindingSeverity.Error);

    /// <summary>The RSA key as PKCS#8 DER; null when there are errors. Wiped by <see cref="Dispose"/>.</summary>
    public ClearSecret? Pkcs8Key { get; init; }

    /// <summary>DER of the server certificate; null when there are errors.</summary>
    public byte[]? Leaf { get; init; }

    /// <summary>DER of the intermediates in the order served; no root.</summary>
    public ImmutableArray<byte[]> Intermediates { get; init; } = [];

    /// <summary>DER of the root, for display; null when the files do not hold it.</summary>
    public byte[]? Root { get; init; }

    /// <summary>Details of the server certificate; null when there are errors.</summary>
    public CertificateDetails? Details { get; init; }

    /// <summary>Details of the intermediates, then of the root if known.</summary>
    public ImmutableArray<CertificateDetails> Chain { get; init; } = [];

    public void Dispose() => Pkcs8Key?.Dispose();
}
