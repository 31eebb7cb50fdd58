using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Tests.Tls;

/// <summary>A root, two intermediates and a leaf, made once per test run.</summary>
internal sealed class TestPki
{
    private static readonly Lazy<TestPki> s_shared = new(() => new TestPki());

    private TestPki()
    {
        using var rootKey = RSA.Create(2048);
        using var firstKey = RSA.Create(2048);
        using var secondKey = RSA.Create(2048);
        Root = Sign("CN=Test Root", rootKey, "CN=Test Root", rootKey, isCa: true);
        First = Sign("CN=Test Issuing 1", firstKey, "CN=Test Root", rootKey, isCa: true);
        Second = Sign("CN=Test Issuing 2", secondKey, "CN=Test Issuing 1", firstKey, isCa: true);
        Leaf = Sign("CN=localhost", LeafKey, "CN=Test Issuing 2", secondKey, isCa: false);
        using var elderKey = RSA.Create(2048);
        Elder = Sign("CN=Test Elder", elderKey, "CN=Test Elder", elderKey, isCa: true);
        CrossSignedRoot = Sign("CN=Test Root", rootKey, "CN=Test Elder", elderKey, isCa: true);
        FirstAgain = Sign("CN=Test Issuing 1", firstKey, "CN=Test Root", rootKey, isCa: true);
        SelfSigned = Sign("CN=alone", LeafKey, "CN=alone", LeafKey, isCa: false);
    }

    public static TestPki Shared => s_shared.Value;

    public RSA LeafKey { get; } = RSA.Create(2048);

    public byte[] Root { get; }

    public byte[] First { get; }

    public byte[] Second { get; }

    public byte[] Leaf { get; }

    public byte[] SelfSigned { get; }

    /// <summary>A root that signed <see cref="CrossSignedRoot"/>, which has the name and key of <see cref="Root"/>.</summary>
    public byte[] Elder { get; }

    public byte[] CrossSignedRoot { get; }

    /// <summary>Another certificate with the name and key of <see cref="First"/>.</summary>
    public byte[] FirstAgain { get; }

    public SslConfiguration Configure(ISecretSealer sealer, string setupId, byte[]? leaf = null, params byte[][] chain)
    {
        var key = LeafKey.ExportPkcs8PrivateKey();
        return new SslConfiguration
        {
            SetupId = setupId,
            PrivateKey = sealer.Seal(key, setupId),
            Certificate = leaf ?? Leaf,
            Intermediates = [.. leaf is null && chain.Length == 0 ? [Second, First] : chain],
            Root = Root,
            Details = new CertificateDetails
            {
                Subject = "CN=localhost",
                Issuer = "CN=Test Issuing 2",
                SerialNumber = "00",
                NotBefore = DateTimeOffset.UnixEpoch,
                NotAfter = DateTimeOffset.UnixEpoch,
                KeyType = "RSA",
                KeyBits = 2048,
                SignatureAlgorithm = "sha256RSA",
                Sha256Fingerprint = Fingerprint(leaf ?? Leaf),
            },
        };
    }

    public static string Fingerprint(byte[] der) => Convert.ToHexStringLower(SHA256.HashData(der));

    private static byte[] Sign(string subject, RSA key, string issuer, RSA issuerKey, bool isCa)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isCa, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
            new X509SubjectKeyIdentifierExtension(new PublicKey(issuerKey), false)));
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.Create(
            new X500DistinguishedName(issuer),
            X509SignatureGenerator.CreateForRSA(issuerKey, RSASignaturePadding.Pkcs1),
            now.AddDays(-1),
            now.AddDays(30),
            RandomNumberGenerator.GetBytes(8));
        return certificate.RawData;
    }
}
