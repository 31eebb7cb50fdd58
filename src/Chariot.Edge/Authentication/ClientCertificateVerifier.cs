using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;

namespace Chariot.Edge.Authentication;

/// <summary>
/// Judges client certificates under one <see cref="ClientTrust"/>: a path to an uploaded root (RFC 5280 section 6, by
/// <see cref="X509Chain"/>, which never sees the machine's store and never downloads anything), the use for TLS clients, and our
/// own look-up of revocation: on Linux a chain cannot be handed a CRL. Immutable, safe from any thread.
/// </summary>
internal sealed class ClientCertificateVerifier
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly ClientTrust _trust;
    private readonly X509ChainPolicy _policy;
    private readonly FrozenSet<string> _authorities;
    private readonly FrozenDictionary<string, byte[]> _revoked;

    public ClientCertificateVerifier(ClientTrust trust)
    {
        _trust = trust;
        var authorities = trust.Authorities?.Certificates ?? [];
        _policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            // An address in a stranger's certificate is a stranger's wish (SSRF).
            DisableCertificateDownloads = true,
            ApplicationPolicy = { new Oid(ClientAuthentication) },
        };
        // The self-signed ones among them are trusted, the others only help to build paths.
        _policy.CustomTrustStore.AddRange(Load(authorities));
        _authorities = authorities.Select(der => Convert.ToHexStringLower(SHA256.HashData(der))).ToFrozenSet(StringComparer.Ordinal);
        _revoked = trust.RevocationLists.ToFrozenDictionary(list => list.IssuerKeySha256, list => list.Serials, StringComparer.Ordinal);
    }

    public long Revision => _trust.Revision;

    /// <summary>For the chain that <see cref="System.Net.Security.SslStream"/> builds in a handshake, to be given to <see cref="Judge"/>.</summary>
    public X509ChainPolicy CreatePolicy() => _policy.Clone();

    /// <summary>
    /// Judges a certificate whose chain was built under <see cref="CreatePolicy"/>; the refusal ends a sentence that begins with
    /// "certificate ...".
    /// </summary>
    public (ClientCertificate? Accepted, string? Refusal) Judge(X509Certificate2 certificate, X509Chain chain)
    {
        var (path, sent, refusal) = JudgePath(certificate, chain);
        return refusal is null ? (new ClientCertificate(certificate, sent, path, Revision), null) : (null, refusal);
    }

    /// <summary>Why a certificate that was accepted under another trust is not under this one; null when it is.</summary>
    public string? JudgeAgain(ClientCertificate certificate)
    {
        if (certificate.JudgedUnder == Revision)
        {
            return null;
        }

        // Paths are not built anew for every client whenever one of them is revoked: one that hangs on nothing that has gone is
        // as good as it was.
        if (_authorities.Contains(certificate.Path[^1].Sha256) && certificate.Path.Skip(1).All(above => above.Sent || _authorities.Contains(above.Sha256)))
        {
            var revoked = FindRevoked(certificate.Path);
            if (revoked is null)
            {
                certificate.AcceptedUnder(Revision, certificate.Path);
            }

            return revoked;
        }

        using var leaf = X509CertificateLoader.LoadCertificate(certificate.Der);
        using var chain = new X509Chain { ChainPolicy = CreatePolicy() };
        chain.ChainPolicy.ExtraStore.AddRange(Load(certificate.Sent));
        chain.Build(leaf);
        var (path, _, refusal) = JudgePath(leaf, chain);
        if (refusal is null)
        {
            certificate.AcceptedUnder(Revision, path);
        }

        return refusal;
    }

    private (IReadOnlyList<PathCertificate> Path, IReadOnlyList<byte[]> Sent, string? Refusal) JudgePath(X509Certificate2 leaf, X509Chain chain)
    {
        if (_authorities.Count == 0)
        {
            return ([], [], "cannot be checked: no client CA is set up");
        }

        var status = X509ChainStatusFlags.NoError;
        foreach (var one in chain.ChainStatus)
        {
            status |= one.Status;
        }

        var elements = chain.ChainElements;
        if (status != X509ChainStatusFlags.NoError || elements.Count == 0)
        {
            return ([], [], Explain(status));
        }

        if (leaf.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault() is { } usage && (usage.KeyUsages & X509KeyUsageFlags.DigitalSignature) == 0)
        {
            return ([], [], "is not for TLS clients: its key usage lacks digitalSignature");
        }

        var sentBy = chain.ChainPolicy.ExtraStore.Select(Sha256).ToHashSet(StringComparer.Ordinal);
        var path = new List<PathCertificate>(elements.Count);
        var sent = new List<byte[]>();
        for (var i = 0; i < elements.Count; i++)
        {
            var element = elements[i].Certificate;
            var sha256 = Sha256(element);
            var isSent = i > 0 && i < elements.Count - 1 && sentBy.Contains(sha256);
            if (isSent)
            {
                sent.Add(element.RawData);
            }

            var issuerKey = i < elements.Count - 1
                ? Convert.ToHexStringLower(SHA256.HashData(elements[i + 1].Certificate.PublicKey.ExportSubjectPublicKeyInfo()))
                : null;
            path.Add(new PathCertificate(sha256, element.SerialNumberBytes.ToArray(), issuerKey, isSent));
        }

        // The library has said so already; trust hangs on it, so it is looked at once more.
        return _authorities.Contains(path[^1].Sha256) ? (path, sent, FindRevoked(path)) : ([], [], Explain(X509ChainStatusFlags.UntrustedRoot));
    }

    /// <summary>The list by hand concerns clients only: small serial numbers repeat, and a CA is removed from the file instead.</summary>
    private string? FindRevoked(IReadOnlyList<PathCertificate> path)
    {
        if (SerialNumbers.Contains(_trust.RevokedSerials, path[0].Serial))
        {
            return "is revoked: its serial number is on the administrator's list";
        }

        for (var i = 0; i < path.Count; i++)
        {
            if (path[i].IssuerKeySha256 is { } key && _revoked.TryGetValue(key, out var serials) && SerialNumbers.Contains(serials, path[i].Serial))
            {
                return i == 0 ? "is revoked by the CRL of its CA" : "was issued by a CA that is revoked by the CRL of the CA above it";
            }
        }

        return null;
    }

    private static string Explain(X509ChainStatusFlags status) => status switch
    {
        _ when status.HasFlag(X509ChainStatusFlags.NotTimeValid) => "has expired or is not valid yet, or its CA has; check both and this node's clock",
        _ when (status & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain)) != 0 => "was not issued by a CA of the client CA file, or its intermediate CA is missing there and was not sent",
        _ when status.HasFlag(X509ChainStatusFlags.NotValidForUsage) => "is not for TLS clients: its extended key usage, or that of its CA, lacks clientAuth",
        _ when status.HasFlag(X509ChainStatusFlags.NotSignatureValid) => "carries a wrong signature",
        _ => $"has no valid path to a client CA ({status})",
    };

    private static X509Certificate2[] Load(IEnumerable<byte[]> certificates) => [.. certificates.Select(der => X509CertificateLoader.LoadCertificate(der))];

    private static string Sha256(X509Certificate2 certificate) => Convert.ToHexStringLower(certificate.GetCertHash(HashAlgorithmName.SHA256));
}
