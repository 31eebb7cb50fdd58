using System.Formats.Asn1;
using System.Net.Security;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.TestKit.Certificates;

/// <summary>A CA for client certificates, root or intermediate, made at run time.</summary>
public sealed class TestClientAuthority : IDisposable
{
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly RSA _key = RSA.Create(2048);

    public TestClientAuthority(string name = "Plant Client Root", TestClientAuthority? issuer = null, X509KeyUsageFlags usage = X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign)
    {
        Issuer = issuer;
        var request = new CertificateRequest($"CN={name}, O=Plant", _key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = DateTimeOffset.UtcNow;
        if (issuer is null)
        {
            Certificate = request.CreateSelfSigned(now.AddDays(-2), now.AddYears(5));
        }
        else
        {
            using var signed = request.Create(issuer.Certificate, now.AddDays(-2), now.AddYears(4), Serial());
            Certificate = signed.CopyWithPrivateKey(_key);
        }
    }

    /// <summary>Null for a root.</summary>
    public TestClientAuthority? Issuer { get; }

    /// <summary>With its key.</summary>
    public X509Certificate2 Certificate { get; }

    public string Pem => Certificate.ExportCertificatePem() + "\n";

    public byte[] PemBytes => System.Text.Encoding.ASCII.GetBytes(Pem);

    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Certificate.RawData));

    /// <summary>Issues a client certificate with its key.</summary>
    public X509Certificate2 Issue(string commonName, Action<CertificateRequest>? more = null) => Issue(new X500DistinguishedName($"CN={commonName}"), more);

    /// <summary>Issues a certificate with its key; for clients unless <paramref name="usage"/> says otherwise (empty for no word on it).</summary>
    public X509Certificate2 Issue(
        X500DistinguishedName subject,
        Action<CertificateRequest>? more = null,
        string usage = ClientAuthentication,
        DateTimeOffset? notBefore = null,
        DateTimeOffset? notAfter = null,
        byte[]? serial = null)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        if (usage.Length > 0)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        }

        more?.Invoke(request);
        var now = DateTimeOffset.UtcNow;
        using var signed = request.Create(Certificate, notBefore ?? now.AddDays(-1), notAfter ?? now.AddDays(90), serial ?? Serial());
        using var withKey = signed.CopyWithPrivateKey(key);
        // Through PKCS#12: the form in which a client library takes it on every platform.
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>What a client presents: its certificate and the intermediates given.</summary>
    public static SslStreamCertificateContext Present(X509Certificate2 certificate, params TestClientAuthority[] intermediates) =>
        SslStreamCertificateContext.Create(certificate, [.. intermediates.Select(ca => X509CertificateLoader.LoadCertificate(ca.Certificate.RawData))], offline: true);

    /// <summary>A signed revocation list, DER.</summary>
    public byte[] Revoke(int number, IEnumerable<X509Certificate2> revoked, DateTimeOffset? nextUpdate = null, DateTimeOffset? thisUpdate = null)
    {
        var list = new CertificateRevocationListBuilder();
        foreach (var certificate in revoked)
        {
            list.AddEntry(certificate.SerialNumberBytes.Span);
        }

        var now = DateTimeOffset.UtcNow;
        return list.Build(Certificate, new BigInteger(number), nextUpdate ?? now.AddDays(7), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1, thisUpdate ?? now.AddMinutes(-10));
    }

    /// <summary>A subject of relative names, each with one or more attributes, in the order of the certificate.</summary>
    public static X500DistinguishedName Subject(params (string Oid, byte[] Value)[][] names)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            foreach (var name in names)
            {
                using (writer.PushSetOf())
                {
                    foreach (var (oid, value) in name)
                    {
                        using (writer.PushSequence())
                        {
                            writer.WriteObjectIdentifier(oid);
                            writer.WriteEncodedValue(value);
                        }
                    }
                }
            }
        }

        return new X500DistinguishedName(writer.Encode());
    }

    /// <summary>A UTF8String, for <see cref="Subject"/>; whatever is in it.</summary>
    public static byte[] Utf8(string text)
    {
        var content = System.Text.Encoding.UTF8.GetBytes(text);
        return [0x0C, checked((byte)content.Length), .. content];
    }

    /// <summary>As the API writes it: lower-case hex without leading zeros.</summary>
    public static string SerialOf(X509Certificate2 certificate) => certificate.SerialNumber.TrimStart('0').ToLowerInvariant() is var hex && hex.Length % 2 == 0 ? hex : "0" + hex;

    public void Dispose()
    {
        Certificate.Dispose();
        _key.Dispose();
    }

    private static byte[] Serial()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = 0x2A;
        return serial;
    }
}
