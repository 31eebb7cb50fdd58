using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.TestKit.Certificates;

/// <summary>
/// Root, intermediate and server certificate with RSA keys, made at run time: no key is ever kept with the sources. Names:
/// <c>localhost</c>, <c>127.0.0.1</c>.
/// </summary>
public sealed class TestCertificates : IDisposable
{
    private readonly RSA _serverKey;
    private readonly RSA _intermediateKey = RSA.Create(2048);

    public TestCertificates(string commonName = "localhost", int keyBits = 2048)
    {
        var now = DateTimeOffset.UtcNow;
        using var rootKey = RSA.Create(2048);
        _serverKey = RSA.Create(keyBits);

        Root = Authority("CN=Chariot Test Root", rootKey, 1).CreateSelfSigned(now.AddDays(-1), now.AddYears(10));
        using var intermediate = Authority("CN=Chariot Test Intermediate", _intermediateKey, 0)
            .Create(Root, now.AddDays(-1), now.AddYears(5), Serial());
        using var issuer = intermediate.CopyWithPrivateKey(_intermediateKey);
        Intermediate = X509CertificateLoader.LoadCertificate(intermediate.RawData);

        var request = new CertificateRequest($"CN={commonName}", _serverKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(commonName);
        if (commonName != "localhost")
        {
            names.AddDnsName("localhost");
        }

        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Intermediate, true, false));
        Server = request.Create(issuer, now.AddDays(-1), now.AddYears(1), Serial());
    }

    public X509Certificate2 Root { get; }

    public X509Certificate2 Intermediate { get; }

    /// <summary>Without its key.</summary>
    public X509Certificate2 Server { get; }

    public string RootPem => Root.ExportCertificatePem() + "\n";

    public string IntermediatePem => Intermediate.ExportCertificatePem() + "\n";

    public string ServerPem => Server.ExportCertificatePem() + "\n";

    /// <summary>Intermediate and root: the CA chain file.</summary>
    public string ChainPem => IntermediatePem + RootPem;

    /// <summary><c>BEGIN PRIVATE KEY</c>.</summary>
    public string KeyPkcs8Pem => _serverKey.ExportPkcs8PrivateKeyPem() + "\n";

    /// <summary><c>BEGIN RSA PRIVATE KEY</c>.</summary>
    public string KeyPkcs1Pem => _serverKey.ExportRSAPrivateKeyPem() + "\n";

    /// <summary><c>BEGIN ENCRYPTED PRIVATE KEY</c>, as openssl writes it.</summary>
    public string KeyEncryptedPem(string passphrase) =>
        _serverKey.ExportEncryptedPkcs8PrivateKeyPem(passphrase, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 2048)) + "\n";

    public byte[] KeyPkcs8 => _serverKey.ExportPkcs8PrivateKey();

    public byte[] KeyPkcs1 => _serverKey.ExportRSAPrivateKey();

    public RSAParameters Key => _serverKey.ExportParameters(true);

    /// <summary>SHA-256 of the server certificate, lower-case hex.</summary>
    public string ServerFingerprint => Convert.ToHexStringLower(SHA256.HashData(Server.RawData));

    /// <summary>Signs a PKCS#10 request as a CA does: its names and key, for one year. Throws when its own signature is wrong.</summary>
    public X509Certificate2 Sign(string requestPem)
    {
        var request = CertificateRequest.LoadSigningRequestPem(
            requestPem, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(Intermediate, true, false));
        using var issuer = Intermediate.CopyWithPrivateKey(_intermediateKey);
        return request.Create(issuer, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(1), Serial());
    }

    /// <summary>Another certificate of the same CA with the same names, for a key of its own.</summary>
    public (string KeyPem, X509Certificate2 Certificate) Renew(int keyBits = 2048)
    {
        using var key = RSA.Create(keyBits);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        return (key.ExportPkcs8PrivateKeyPem() + "\n", Sign(request.CreateSigningRequestPem()));
    }

    public void Dispose()
    {
        Root.Dispose();
        Intermediate.Dispose();
        Server.Dispose();
        _serverKey.Dispose();
        _intermediateKey.Dispose();
    }

    private static CertificateRequest Authority(string name, RSA key, int pathLength)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, pathLength, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    private static byte[] Serial()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7F;
        serial[0] |= 0x01;
        return serial;
    }
}
