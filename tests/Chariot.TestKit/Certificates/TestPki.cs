using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.TestKit.Certificates;

/// <summary>Who signs.</summary>
public sealed record Authority(X509Certificate2 Certificate, AsymmetricAlgorithm Key)
{
    public string Pem => Certificate.ExportCertificatePem() + "\n";
}

/// <summary>Keys and certificates made at run time, once for all tests, around the moment in which these began.</summary>
public static class TestPki
{
    public static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds());

    public static readonly RSA ServerKey = RSA.Create(2048);
    public static readonly RSA OtherKey = RSA.Create(2048);
    public static readonly Authority Root = NewAuthority("CN=Test Root, O=Chariot Tests", null);
    public static readonly Authority Intermediate = NewAuthority("CN=Test Intermediate, O=Chariot Tests", Root);
    public static readonly Authority LowerIntermediate = NewAuthority("CN=Test Lower Intermediate, O=Chariot Tests", Intermediate);

    public static readonly string KeyPem = ServerKey.ExportPkcs8PrivateKeyPem() + "\n";
    public static readonly string OtherKeyPem = OtherKey.ExportPkcs8PrivateKeyPem() + "\n";
    public static readonly string LeafPem = Leaf(Intermediate);
    public static readonly string ChainPem = Intermediate.Pem + Root.Pem;

    public static BundleFiles Good => Bundle();

    public static BundleFiles Bundle(string? key = null, string? certificate = null, string? chain = null) =>
        new(key ?? KeyPem, certificate ?? LeafPem, chain ?? ChainPem);

    /// <summary>A server certificate for <see cref="ServerKey"/>, or <paramref name="key"/>, as PEM.</summary>
    public static string Leaf(Authority issuer, Action<CertificateRequest>? edit = null, string subject = "CN=mqtt.example", AsymmetricAlgorithm? key = null,
        DateTimeOffset? from = null, DateTimeOffset? to = null, X509SignatureGenerator? signer = null)
    {
        var request = Request(subject, key ?? ServerKey);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(Names("mqtt.example"));
        AddKeyIds(request, issuer);
        edit?.Invoke(request);
        using var certificate = Sign(request, issuer.Certificate.SubjectName, signer ?? SignerOf(issuer.Key), from, to);
        return certificate.ExportCertificatePem() + "\n";
    }

    /// <summary>A CA with an EC key unless <paramref name="key"/> is given; self-signed without an issuer.</summary>
    public static Authority NewAuthority(string subject, Authority? issuer, Action<CertificateRequest>? edit = null, AsymmetricAlgorithm? key = null,
        DateTimeOffset? from = null, DateTimeOffset? to = null, X509SignatureGenerator? signer = null)
    {
        key ??= ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(subject, key);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        AddKeyIds(request, issuer);
        edit?.Invoke(request);
        return new Authority(Sign(request, issuer?.Certificate.SubjectName ?? request.SubjectName, signer ?? SignerOf(issuer?.Key ?? key), from, to), key);
    }

    /// <summary>A certificate of <see cref="ServerKey"/> signed by itself.</summary>
    public static string SelfSigned(bool isCa = false)
    {
        var request = Request("CN=mqtt.example", ServerKey);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isCa, false, 0, true));
        request.CertificateExtensions.Add(Names("mqtt.example"));
        using var certificate = Sign(request, request.SubjectName, SignerOf(ServerKey), null, null);
        return certificate.ExportCertificatePem() + "\n";
    }

    public static X509Extension Names(params string[] names)
    {
        var builder = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            builder.AddDnsName(name);
        }

        return builder.Build();
    }

    public static void Replace(this CertificateRequest request, string oid, X509Extension? extension)
    {
        for (var i = request.CertificateExtensions.Count - 1; i >= 0; i--)
        {
            if (request.CertificateExtensions[i].Oid!.Value == oid)
            {
                request.CertificateExtensions.RemoveAt(i);
            }
        }

        if (extension is not null)
        {
            request.CertificateExtensions.Add(extension);
        }
    }

    public static X509SignatureGenerator SignerOf(AsymmetricAlgorithm key) => key is RSA rsa
        ? X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1)
        : X509SignatureGenerator.CreateForECDsa((ECDsa)key);

    private static CertificateRequest Request(string subject, AsymmetricAlgorithm key) => key is RSA rsa
        ? new CertificateRequest(subject, rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
        : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);

    private static void AddKeyIds(CertificateRequest request, Authority? issuer)
    {
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        if (issuer?.Certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault() is { } id)
        {
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(id));
        }
    }

    private static X509Certificate2 Sign(CertificateRequest request, X500DistinguishedName issuer, X509SignatureGenerator signer, DateTimeOffset? from, DateTimeOffset? to) =>
        request.Create(issuer, signer, from ?? Now.AddDays(-1), to ?? Now.AddDays(365), RandomNumberGenerator.GetBytes(8));
}

/// <summary>Signs with a hash (SHA-1, MD5) that .NET's own generators refuse.</summary>
public sealed class WeakSigner(RSA key, HashAlgorithmName hash) : X509SignatureGenerator
{
    // sha1WithRSAEncryption (5) or md5WithRSAEncryption (4), NULL
    public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm) =>
        [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, (byte)(hash == HashAlgorithmName.SHA1 ? 5 : 4), 0x05, 0x00];

    public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => key.SignData(data, hash, RSASignaturePadding.Pkcs1);

    protected override PublicKey BuildPublicKey() => new(key);
}
