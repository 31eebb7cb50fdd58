using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Secrets;

namespace Chariot.Cluster.Tls;

/// <summary>A certificate ready to serve, or one sentence that says why it cannot be.</summary>
internal readonly record struct TlsMaterialResult(TlsMaterial? Material, string? Error);

/// <summary>Opens a sealed set-up into a context that listeners can serve. The key stays in memory: no key store, no file.</summary>
internal sealed class TlsMaterialFactory(ISecretSealer sealer, MasterKey masterKey)
{
    // Of the stand-ins in PinChain. Made once per process, since an RSA key costs 0.1 s and more, and never stored or served.
    private static readonly Lazy<RSA> s_standInRsa = new(() => RSA.Create(2048));
    private static readonly Lazy<ECDsa> s_standInEcdsa = new(() => ECDsa.Create(ECCurve.NamedCurves.nistP256));
    private static readonly Lock s_standInLock = new();

    /// <param name="staples">Whether OCSP answers are fetched in the background and stapled.</param>
    public TlsMaterialResult Create(SslConfiguration ssl, bool staples = false)
    {
        RSA key;
        try
        {
            using var clear = sealer.Open(ssl.PrivateKey, ssl.SetupId);
            key = Import(clear.Bytes);
        }
        catch (CryptographicException)
        {
            // The library's text is left out on purpose: it may quote its input, and it says less than this.
            return new(null, $"The private key of the certificate cannot be opened with the master key file {masterKey.File}: the file is not the one the key was sealed with, or the stored key was altered.");
        }

        using (key)
        {
            try
            {
                return new(Create(ssl, key, staples), null);
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                return new(null, "The stored certificate cannot be served: it cannot be read, or it does not belong to its private key.");
            }
        }
    }

    private static RSA Import(ReadOnlySpan<byte> pkcs8)
    {
        var rsa = RSA.Create();
        try
        {
            rsa.ImportPkcs8PrivateKey(pkcs8, out _);
            return rsa;
        }
        catch
        {
            rsa.Dispose();
            throw;
        }
    }

    private static TlsMaterial Create(SslConfiguration ssl, RSA key, bool staples)
    {
        using var leaf = X509CertificateLoader.LoadCertificate(ssl.Certificate);
        // Shares the key's native handle; on Linux and macOS that is stable as it is, without a PKCS#12 round trip.
        var certificate = leaf.CopyWithPrivateKey(key);
        X509Certificate2[] intermediates = [.. ssl.Intermediates.Select(der => X509CertificateLoader.LoadCertificate(der)).Where(c => !IsSelfIssued(c))];
        // Of the root itself the answer for a certificate is asked that it signed; a stand-in has another key.
        var root = staples && ssl.Root is { } der ? X509CertificateLoader.LoadCertificate(der) : null;
        var context = SslStreamCertificateContext.Create(certificate, [.. intermediates], offline: !staples, PinChain(certificate, intermediates, root));
        return new TlsMaterial(ssl.SetupId, certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant(), context, certificate, staples);
    }

    /// <summary>
    /// .NET serves the chain that it builds, not the one that it is given, and it builds from the machine's store too: a
    /// cross-signed root there is served as one more certificate, a certificate with the name and key of an intermediate
    /// replaces it. What is in a custom trust list is found first, so the intermediates go there, and above the last one a
    /// stand-in for its issuer, where building ends; it is left out of what is served, as every root is. The
    /// list also bounds which client certificates are trusted by default: none, since a stand-in's key never signs another.
    /// </summary>
    private static SslCertificateTrust PinChain(X509Certificate2 leaf, X509Certificate2[] intermediates, X509Certificate2? root)
    {
        var pinned = new X509Certificate2Collection(intermediates);
        var known = intermediates.Select(c => Convert.ToHexString(c.SubjectName.RawData)).ToHashSet();
        var open = intermediates.Append(leaf).Where(c => !known.Contains(Convert.ToHexString(c.IssuerName.RawData)));
        foreach (var top in open.DistinctBy(c => Convert.ToHexString(c.IssuerName.RawData)))
        {
            if (root is not null && root.SubjectName.RawData.AsSpan().SequenceEqual(top.IssuerName.RawData))
            {
                pinned.Add(root);
                continue;
            }

            // OpenSSL passes over an issuer whose key is of another kind than the signature below it.
            lock (s_standInLock)
            {
                pinned.Add(SelfSign(new CertificateRequest(top.IssuerName, s_standInRsa.Value, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1), top));
                pinned.Add(SelfSign(new CertificateRequest(top.IssuerName, s_standInEcdsa.Value, HashAlgorithmName.SHA256), top));
            }
        }

        return SslCertificateTrust.CreateForX509Collection(pinned, sendTrustInHandshake: false);
    }

    private static X509Certificate2 SelfSign(CertificateRequest request, X509Certificate2 below)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        using var withKey = request.CreateSelfSigned(below.NotBefore, below.NotAfter);
        return X509CertificateLoader.LoadCertificate(withKey.RawDataMemory.Span);
    }

    private static bool IsSelfIssued(X509Certificate2 certificate) =>
        certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);
}
