using System.Globalization;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Ssl.Validation;

/// <summary>The server certificate together with its issuers (RFC 5280 section 6, with the checks that TLS libraries make).</summary>
internal sealed class ChainRules(ParsedCertificate leaf, IReadOnlyList<ParsedCertificate> pool, SignatureChecks signatures, DateTimeOffset now)
{
    private const int LongestPath = 10;
    private const int LargeChain = 16 * 1024;
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);
    private static readonly Place ChainFile = new(SlotContent.NameOf(SslFile.CaChain));

    private readonly ChainBuilder _builder = new(pool, signatures);

    /// <summary>Chooses the path to serve and reports on it; null when the files hold none.</summary>
    public ChainPath? Inspect(FindingList findings)
    {
        var paths = _builder.FindPaths(leaf);
        if (_builder.IsExhausted)
        {
            findings.Error("file.too-complex", ChainFile, "The certificates name each other as issuers in too many ways.", "Upload only the intermediates and the root of this server certificate.");
            return null;
        }

        // The same choice on every node: fewest faults, then a path that ends at a root, the shortest, the longest valid, the fingerprint.
        var judged = paths.Select(path => (Path: path, Findings: Judge(path)))
            .OrderBy(entry => entry.Findings.Errors)
            .ThenBy(entry => entry.Path.EndsAtRoot ? 0 : 1)
            .ThenBy(entry => entry.Path.Certificates.Count)
            .ThenByDescending(entry => entry.Path.Certificates.Min(certificate => certificate.NotAfter))
            .ThenBy(entry => string.Join(',', entry.Path.Certificates.Select(certificate => certificate.Sha256)), StringComparer.Ordinal)
            .ToList();
        var (chosen, chosenFindings) = judged[0];
        findings.AddRange(chosenFindings);
        if (judged.Count > 1)
        {
            findings.Info("chain.path-chosen", chosen.Certificates.Count > 1 ? chosen.Certificates[1].At : ChainFile,
                $"The files allow {judged.Count} chains (cross-signed certificates); served is {Describe(chosen)}.", "Nothing needs to be done.");
        }

        ReportOrder(chosen, findings);
        ReportUnrelated(paths, chosen, findings);
        return chosen;
    }

    private FindingList Judge(ChainPath path)
    {
        var findings = new FindingList();
        for (var i = 1; i < path.Certificates.Count; i++)
        {
            var isRoot = path.EndsAtRoot && i == path.Certificates.Count - 1;
            JudgeIssuer(path, i, isRoot, findings);
        }

        if (path.Certificates.Count > LongestPath)
        {
            findings.Error("chain.too-long", path.Certificates[LongestPath].At, $"The chain has {path.Certificates.Count} certificates; TLS clients take at most {LongestPath}.", "Ask the CA for a shorter chain.");
        }

        var size = leaf.Der.Length + path.Intermediates.Sum(certificate => certificate.Der.Length);
        if (size > LargeChain)
        {
            findings.Warning("chain.large", ChainFile, string.Create(CultureInfo.InvariantCulture, $"The certificates sent in each handshake have {size} bytes; small devices have buffers of 4 to 16 KiB."), "Ask the CA for smaller certificates or a shorter chain.");
        }

        if (!path.EndsAtRoot && !signatures.IsSelfSigned(leaf))
        {
            JudgeEnd(path, findings);
        }

        return findings;
    }

    private void JudgeIssuer(ChainPath path, int index, bool isRoot, FindingList findings)
    {
        var issuer = path.Certificates[index];
        var below = path.Certificates[index - 1];
        JudgeDates(issuer, isRoot, findings);
        if (!isRoot)
        {
            CertificateRules.InspectStrength(issuer, findings);
        }

        if (issuer.Version < 3 && isRoot)
        {
            findings.Warning("certificate.v1", issuer.At, $"The root {issuer.Name} is of version {issuer.Version}, which some clients refuse.", "Ask the CA for its current root.");
        }
        else if (!issuer.Extensions.IsCa || (issuer.Extensions.KeyUsage is { } usage && (usage & CertificateExtensions.KeyCertSign) == 0))
        {
            findings.Error("chain.not-a-ca", issuer.At, $"The certificate {issuer.Name} signed {below.Name} but is not allowed to sign certificates (it lacks CA:TRUE or keyCertSign).", "Use a certificate that a CA issued.");
        }

        if (issuer.Extensions.ExtendedKeyUsages is { } usages && !isRoot && !usages.Contains(KnownOids.ServerAuthentication) && !usages.Contains(KnownOids.AnyExtendedKeyUsage))
        {
            findings.Error("certificate.eku", issuer.At, $"The CA certificate {issuer.Name} may not issue server certificates: its extended key usage lacks serverAuth.", "Request a server certificate from a CA that issues them.");
        }

        // RFC 5280 section 4.2.1.9: intermediates below it that are not self-issued.
        var intermediates = path.Certificates.Take(index).Skip(1).Count(certificate => !certificate.IsSelfIssued);
        if (issuer.Extensions.PathLength is { } allowed && intermediates > allowed)
        {
            findings.Error("chain.path-length", issuer.At, $"The CA {issuer.Name} allows {allowed} intermediates below it, but the chain to {leaf.Name} has {intermediates}.", "Use an intermediate that this CA may have, or another CA.");
        }

        foreach (var certificate in path.Certificates.Take(index))
        {
            if ((certificate == leaf || !certificate.IsSelfIssued) && NameConstraintRules.FirstViolation(issuer, certificate) is { } name)
            {
                findings.Error("chain.name-constraints", issuer.At, $"The CA {issuer.Name} may not certify the name {FindingList.Quote(name)} in {certificate.Name}.", "Request the certificate for names that the CA may certify, or from another CA.");
            }
        }
    }

    private void JudgeDates(ParsedCertificate issuer, bool isRoot, FindingList findings)
    {
        var what = isRoot ? "root" : "intermediate";
        if (now > issuer.NotAfter)
        {
            findings.Add("chain.expired", isRoot ? FindingSeverity.Warning : FindingSeverity.Error, issuer.At,
                $"The {what} {issuer.Name} expired on {FindingList.Date(issuer.NotAfter)}; the server's clock says {FindingList.Date(now)}.", "Get the CA's current chain and upload it.");
        }
        else if (now < issuer.NotBefore)
        {
            findings.Add("chain.expired", isRoot || issuer.NotBefore - now <= ClockSkew ? FindingSeverity.Warning : FindingSeverity.Error, issuer.At,
                $"The {what} {issuer.Name} is not valid before {FindingList.Date(issuer.NotBefore)}; the server's clock says {FindingList.Date(now)}.", "Is the server's clock right? If it is, get the CA's current chain.");
        }
    }

    private void JudgeEnd(ChainPath path, FindingList findings)
    {
        var last = path.Last;
        if (_builder.Impostors(last) is [var impostor, ..])
        {
            findings.Error("chain.bad-signature", impostor.At, $"The certificate {impostor.Name} has the name of the CA that issued {last.Name}, but another key: it did not sign it.",
                $"Get the CA certificate with the key id {KeyId(last)}; the CA may have renewed its key.");
            return;
        }

        // A path that ends below a root is legal; but when the file has a root, what is missing is between the two.
        var unreached = pool.FirstOrDefault(candidate => !path.Certificates.Contains(candidate) && signatures.IsSelfSigned(candidate));
        if (path.Certificates.Count > 1 && unreached is null)
        {
            findings.Warning("chain.no-root", last.At, $"The root {last.IssuerName} was not supplied; TLS works without it, clients have their own copy.", "Upload the root too if you want it shown here.");
            return;
        }

        var address = last.Extensions.IssuerAddress is { } uri ? $" The certificate says that it is at {FindingList.Quote(uri)}." : "";
        findings.Error("chain.incomplete", ChainFile, $"No certificate in the chain file has the subject {last.IssuerName} (key id {KeyId(last)}) that issued {last.Name}.{address}",
            "Add this CA certificate to the chain file.");
    }

    private static void ReportOrder(ChainPath chosen, FindingList findings)
    {
        var positions = chosen.Certificates.Skip(1).Where(certificate => certificate.At.File == ChainFile.File).ToList();
        for (var i = 1; i < positions.Count; i++)
        {
            if (positions[i].At.Block < positions[i - 1].At.Block)
            {
                findings.Info("chain.reordered", positions[i].At, $"The chain file is not in order; served is {Describe(chosen)}.", "Nothing needs to be done.");
                return;
            }
        }
    }

    private void ReportUnrelated(List<ChainPath> paths, ChainPath chosen, FindingList findings)
    {
        var related = paths.SelectMany(path => path.Certificates).Concat(_builder.Impostors(chosen.Last)).Select(certificate => certificate.Sha256).ToHashSet();
        foreach (var certificate in pool.Where(certificate => !related.Contains(certificate.Sha256)))
        {
            findings.Warning("chain.unrelated", certificate.At, $"The certificate {certificate.Name} has nothing to do with {leaf.Name}; it is not served.", "Remove it from the file.");
        }
    }

    private static string Describe(ChainPath path) => string.Join(" -> ", path.Certificates.Take(path.EndsAtRoot ? path.Certificates.Count - 1 : path.Certificates.Count).Select(certificate => certificate.Name));

    private static string KeyId(ParsedCertificate certificate) =>
        certificate.Extensions.AuthorityKeyId is { Length: > 0 } id ? string.Join(':', id.Chunk(2).Take(20).Select(pair => new string(pair))) : "not given";
}
