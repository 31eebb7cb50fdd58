using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl.Validation;

namespace Chariot.Admin.ClientCertificates;

/// <summary>What a client CA file holds; <see cref="Certificates"/> is empty when there are errors.</summary>
internal sealed record AuthorityInspection(ImmutableArray<ParsedCertificate> Certificates, ImmutableArray<Finding> Findings)
{
    public bool HasErrors => Findings.Any(finding => finding.Severity == FindingSeverity.Error);
}

/// <summary>
/// Judges a client CA file: PEM, certificates of CAs only, each with the way up to its root in the file. Answers for every input,
/// never throws for content.
/// </summary>
internal sealed class AuthorityFile(TimeProvider time)
{
    /// <summary>As findings name it.</summary>
    public const string Name = "clientCa";

    public const int MaximumSize = 256 * 1024;

    private static readonly TimeSpan SoonPeriod = TimeSpan.FromDays(30);
    private static readonly Place File = new(Name);

    public AuthorityInspection Inspect(ReadOnlySpan<byte> content)
    {
        var findings = new FindingList();
        using var file = SlotContent.Read(SslFile.CaChain, content, findings, Name);
        List<ParsedCertificate> certificates = [];
        try
        {
            certificates = Distinct(CertificateRules.Read(file, findings), findings);
            if (!findings.HasErrors && certificates.TrueForAll(certificate => IsLoadable(certificate, findings)))
            {
                Judge(certificates, findings);
            }
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // As for the server's files: the one place where an unforeseen failure on hostile content ends, without its text.
            DerContent.NotWhatItSays(File, "certificates", findings);
        }

        return new AuthorityInspection(findings.HasErrors ? [] : [.. certificates], findings.ToSorted());
    }

    private void Judge(List<ParsedCertificate> certificates, FindingList findings)
    {
        var signatures = new SignatureChecks();
        var now = time.GetUtcNow();
        foreach (var certificate in certificates)
        {
            var isRoot = signatures.IsSelfSigned(certificate);
            JudgeUse(certificate, isRoot, findings);
            JudgeDates(certificate, now, findings);
            if (!isRoot)
            {
                CertificateRules.InspectStrength(certificate, findings);
                JudgeIssuer(certificate, certificates, signatures, findings);
            }
        }

        if (signatures.IsExhausted)
        {
            findings.Error("file.too-complex", File, "The certificates name each other as issuers in too many ways.", "Upload only the CAs that issue client certificates, and their roots.");
        }

        if (!findings.HasErrors && !certificates.Exists(certificate => signatures.IsSelfSigned(certificate) && now <= certificate.NotAfter && now >= certificate.NotBefore))
        {
            findings.Error("client-ca.none-valid", File, $"No root in the file is valid now (the server's clock says {FindingList.Date(now)}), so no client would be accepted.", "Get the CA's current root; check the server's clock.");
        }
    }

    private static void JudgeUse(ParsedCertificate certificate, bool isRoot, FindingList findings)
    {
        if (!certificate.Extensions.IsCa)
        {
            findings.Error("client-ca.not-a-ca", certificate.At, $"The certificate {certificate.Name} is not a CA certificate (it lacks CA:TRUE).",
                "Upload the certificates of the CAs that issue client certificates, not those of the clients.");
        }
        else if (certificate.Extensions.KeyUsage is { } usage && (usage & CertificateExtensions.KeyCertSign) == 0)
        {
            findings.Error("client-ca.key-usage", certificate.At, $"The CA certificate {certificate.Name} may not sign certificates: its key usage lacks keyCertSign.", "Upload the CA certificate that issues client certificates.");
        }

        // The signature on a root does not count, its key does.
        if (isRoot && certificate.Key.KeyType == "RSA" && certificate.Key.Bits < RsaKeyRules.SmallestBits)
        {
            findings.Error("chain.key-too-small", certificate.At, $"The RSA key of the CA {certificate.Name} has {certificate.Key.Bits} bits; less than {RsaKeyRules.SmallestBits} can be broken.", "Use a CA with a key of at least 2048 bits.");
        }
    }

    private static void JudgeDates(ParsedCertificate certificate, DateTimeOffset now, FindingList findings)
    {
        if (now > certificate.NotAfter)
        {
            findings.Warning("client-ca.expired", certificate.At, $"The CA {certificate.Name} expired on {FindingList.Date(certificate.NotAfter)}; the certificates that it issued are refused.", "Remove it, or add its successor.");
        }
        else if (now < certificate.NotBefore)
        {
            findings.Warning("client-ca.not-yet-valid", certificate.At, $"The CA {certificate.Name} is not valid before {FindingList.Date(certificate.NotBefore)}; the server's clock says {FindingList.Date(now)}.", "Is the server's clock right? If it is, wait.");
        }
        else if (certificate.NotAfter - now < SoonPeriod)
        {
            findings.Warning("client-ca.expires-soon", certificate.At, $"The CA {certificate.Name} expires on {FindingList.Date(certificate.NotAfter)}; the certificates that it issued are refused from then on.", "Add its successor to the file now.");
        }
    }

    // Only a root is trusted: an intermediate without the way up to one would trust nobody, silently.
    private static void JudgeIssuer(ParsedCertificate certificate, List<ParsedCertificate> all, SignatureChecks signatures, FindingList findings)
    {
        if (all.Exists(issuer => issuer != certificate && issuer.Subject.Canonical == certificate.Issuer.Canonical && signatures.IsSignedBy(certificate, issuer)))
        {
            return;
        }

        findings.Error("client-ca.no-issuer", certificate.At, $"The file does not hold the CA {certificate.IssuerName}, which issued {certificate.Name}.", "Add the issuing CA up to its root; clients are trusted by way of a root in this file.");
    }

    // The library that builds the paths must be able to read it too, on every node.
    private static bool IsLoadable(ParsedCertificate certificate, FindingList findings)
    {
        try
        {
            using var loaded = X509CertificateLoader.LoadCertificate(certificate.Der);
            return loaded.PublicKey.ExportSubjectPublicKeyInfo().Length > 0;
        }
        catch (CryptographicException)
        {
            DerContent.NotWhatItSays(certificate.At, "a certificate", findings);
            return false;
        }
    }

    private static List<ParsedCertificate> Distinct(List<ParsedCertificate> certificates, FindingList findings)
    {
        var distinct = new Dictionary<string, ParsedCertificate>();
        foreach (var certificate in certificates)
        {
            if (!distinct.TryAdd(certificate.Sha256, certificate))
            {
                findings.Info("chain.duplicate", certificate.At, $"Block {certificate.At.Block} repeats block {distinct[certificate.Sha256].At.Block}; it counts once.", "Nothing needs to be done.");
            }
        }

        return [.. distinct.Values];
    }
}
