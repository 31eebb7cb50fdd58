namespace Chariot.Admin.Ssl.Validation;

/// <summary>A way from the server certificate (first) through its issuers, as far as the files go.</summary>
internal sealed class ChainPath(IReadOnlyList<ParsedCertificate> certificates, bool endsAtRoot)
{
    /// <summary>Server certificate, intermediates, and the root if <see cref="EndsAtRoot"/>.</summary>
    public IReadOnlyList<ParsedCertificate> Certificates { get; } = certificates;

    public bool EndsAtRoot { get; } = endsAtRoot;

    public ParsedCertificate Last => Certificates[^1];

    /// <summary>What is served behind the server certificate.</summary>
    public IEnumerable<ParsedCertificate> Intermediates => Certificates.Skip(1).Take(Certificates.Count - (EndsAtRoot ? 2 : 1));
}

/// <summary>
/// Finds every path from the server certificate through the uploaded certificates. Names and key ids propose an issuer, only
/// its signature makes it one. Bounded: at most 40 certificates, 64 paths and 1,000 steps.
/// </summary>
internal sealed class ChainBuilder(IReadOnlyList<ParsedCertificate> pool, SignatureChecks signatures)
{
    private const int MaximumPaths = 64;
    private const int MaximumSteps = 1000;

    private readonly List<ChainPath> _paths = [];
    private int _steps;

    /// <summary>The search was cut off.</summary>
    public bool IsExhausted => signatures.IsExhausted || _steps >= MaximumSteps || _paths.Count >= MaximumPaths;

    public List<ChainPath> FindPaths(ParsedCertificate leaf)
    {
        if (signatures.IsSelfSigned(leaf))
        {
            return [new ChainPath([leaf], endsAtRoot: false)];
        }

        Extend([leaf]);
        return _paths;
    }

    /// <summary>Certificates that bear the name of the issuer of <paramref name="certificate"/> but did not sign it.</summary>
    public List<ParsedCertificate> Impostors(ParsedCertificate certificate) =>
        [.. pool.Where(candidate => candidate.Sha256 != certificate.Sha256 && HasIssuerName(certificate, candidate) && !IsIssuer(certificate, candidate))];

    // Depth is bounded by the pool: no certificate and no (name, key) is on a path twice, which also ends circles of cross-signing.
    private void Extend(List<ParsedCertificate> path)
    {
        if (++_steps >= MaximumSteps || _paths.Count >= MaximumPaths)
        {
            return;
        }

        var last = path[^1];
        if (path.Count > 1 && signatures.IsSelfSigned(last))
        {
            _paths.Add(new ChainPath([.. path], endsAtRoot: true));
            return;
        }

        var extended = false;
        foreach (var candidate in pool)
        {
            if (!path.Exists(known => IsSameEntity(known, candidate)) && IsIssuer(last, candidate))
            {
                extended = true;
                path.Add(candidate);
                Extend(path);
                path.RemoveAt(path.Count - 1);
            }
        }

        if (!extended)
        {
            _paths.Add(new ChainPath([.. path], endsAtRoot: false));
        }
    }

    private bool IsIssuer(ParsedCertificate certificate, ParsedCertificate candidate) =>
        HasIssuerName(certificate, candidate) && HasIssuerKeyId(certificate, candidate) && signatures.IsSignedBy(certificate, candidate);

    private static bool HasIssuerName(ParsedCertificate certificate, ParsedCertificate candidate) => candidate.Subject.Canonical == certificate.Issuer.Canonical;

    private static bool HasIssuerKeyId(ParsedCertificate certificate, ParsedCertificate candidate) =>
        certificate.Extensions.AuthorityKeyId is not { } wanted || candidate.Extensions.SubjectKeyId is not { } own || wanted == own;

    private static bool IsSameEntity(ParsedCertificate one, ParsedCertificate other) =>
        one.Subject.Canonical == other.Subject.Canonical && one.PublicKeyDer.AsSpan().SequenceEqual(other.PublicKeyDer);
}
