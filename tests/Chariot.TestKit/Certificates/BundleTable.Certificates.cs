using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.TestKit.Certificates;

/// <summary>Rows 10, 25, 26, 33 to 35, 37 to 45: the server certificate.</summary>
public static partial class BundleTable
{
    private static Dictionary<string, BundleCase> CertificateRows() => new()
    {
        ["10 leaf of 1024 bits"] = OfServer("chain.key-too-small", "error", () => Leaf(Intermediate, key: RSA.Create(1024)), "1024 bits"),
        ["25 full chain"] = Odd("certificate.chain-moved", "info", Server, 2, LineAfter(LeafPem), () => Bundle(certificate: LeafPem + ChainPem, chain: Root.Pem)),
        ["25 root first"] = Odd("certificate.chain-moved", "info", Server, 1, 1, () => Bundle(certificate: Root.Pem + LeafPem), "CN=mqtt.example is the server certificate"),
        ["26 leaf in the chain file"] = OfChain("chain.contains-leaf", "info", 1, 1, () => LeafPem + ChainPem),
        ["33 self-signed"] = Odd("certificate.self-signed", "warning", Server, 1, 1, () => Alone(SelfSigned())),
        ["34 expired"] = OfServer("certificate.expired", "error", () => Leaf(Intermediate, from: Now.AddDays(-30), to: Now.AddDays(-2)), "the server's clock says"),
        ["35 not yet valid"] = OfServer("certificate.not-yet-valid", "error", () => Leaf(Intermediate, from: Now.AddDays(2)), "clock right"),
        ["35 a few minutes early"] = OfServer("certificate.not-yet-valid", "warning", () => Leaf(Intermediate, from: DateTimeOffset.UtcNow.AddMinutes(4))),
        ["37 20 days left"] = OfServer("certificate.expires-soon", "warning", () => Leaf(Intermediate, to: Now.AddDays(20))),
        ["38 SHA-1"] = Odd("certificate.weak-signature", "error", Server, 1, 1, () => WeaklySigned(HashAlgorithmName.SHA1), "SHA-256"),
        ["38 MD5"] = Odd("certificate.weak-signature", "error", Server, 1, 1, () => WeaklySigned(HashAlgorithmName.MD5)),
        ["39 CA that a CA issued"] = OfServer("certificate.is-ca", "error", () => Leaf(Intermediate, request => request.Replace("2.5.29.19", new X509BasicConstraintsExtension(true, false, 0, true))), "CA certificate"),
        ["39 self-signed CA"] = Odd("certificate.is-ca", "warning", Server, 1, 1, () => Alone(SelfSigned(isCa: true))),
        ["40 EKU of clients"] = OfServer("certificate.eku", "error", () => Leaf(Intermediate, request => request.Replace("2.5.29.37", Usages("1.3.6.1.5.5.7.3.2"))), "serverAuth"),
        ["40 any EKU"] = OfServer("certificate.eku", "warning", () => Leaf(Intermediate, request => request.Replace("2.5.29.37", Usages("2.5.29.37.0")))),
        ["40 no EKU"] = Sound(() => Bundle(certificate: Leaf(Intermediate, request => request.Replace("2.5.29.37", null)))),
        ["40 no digitalSignature"] = OfServer("certificate.key-usage", "error", () => Leaf(Intermediate, request => request.Replace("2.5.29.15", new X509KeyUsageExtension(X509KeyUsageFlags.KeyEncipherment, true))), "digitalSignature"),
        ["41 no SAN"] = OfServer("certificate.no-san", "warning", () => Leaf(Intermediate, request => request.Replace("2.5.29.17", null))),
        ["41 address as DNS name"] = OfServer("certificate.san", "warning", () => WithNames("mqtt.example", "192.0.2.1"), "is an IP address"),
        ["41 wildcard of a top-level domain"] = OfServer("certificate.san", "warning", () => WithNames("mqtt.example", "*.com"), "wildcard"),
        ["41 CN not among the names"] = OfServer("certificate.san", "warning", () => WithNames("other.example"), "mqtt.example is not among"),
        ["41 www"] = OfServer("certificate.www-name", "warning", () => WithNames("mqtt.example", "www.mqtt.example")),
        ["42 unknown critical extension"] = OfServer("certificate.critical-extension", "error", () => Leaf(Intermediate, request => request.CertificateExtensions.Add(new X509Extension("1.3.6.1.4.1.99999.1", [5, 0], critical: true))), "1.3.6.1.4.1.99999.1"),
        ["42 version 1"] = OfServer("certificate.v1", "warning", Version1),
        ["43 EC certificate"] = OfServer("certificate.not-rsa", "error", () => Leaf(Intermediate, key: ECDsa.Create(ECCurve.NamedCurves.nistP256)), "needs RSA"),
        ["43 EC certificate and the key"] = OfServer("bundle.key-mismatch", "error", () => Leaf(Intermediate, key: ECDsa.Create(ECCurve.NamedCurves.nistP256))),
        ["44 explicit curve"] = OfServer("chain.explicit-curve", "error", ExplicitCurve),
        ["44 explicit curve in the chain"] = OfChain("chain.explicit-curve", "error", 3, LineAfter(ChainPem), () => ChainPem + ExplicitCurve()),
        ["45 must-staple"] = OfServer("certificate.must-staple", "warning", () => Leaf(Intermediate, request => request.CertificateExtensions.Add(new X509Extension("1.3.6.1.5.5.7.1.24", [0x30, 3, 2, 1, 5], critical: false)))),
    };

    private static BundleFiles Alone(string certificate) => Bundle(certificate: certificate, chain: certificate);

    private static string WithNames(params string[] names) => Leaf(Intermediate, request => request.Replace("2.5.29.17", Names(names)));

    private static X509EnhancedKeyUsageExtension Usages(string oid) => new([new Oid(oid)], false);

    private static BundleFiles WeaklySigned(HashAlgorithmName hash)
    {
        var key = RSA.Create(2048);
        var authority = NewAuthority("CN=Old Intermediate", Root, key: key);
        return Bundle(certificate: Leaf(authority, signer: new WeakSigner(key, hash)), chain: authority.Pem + Root.Pem);
    }

    private static string Version1()
    {
        using var tool = new OpenSsl();
        return tool.Write("key", KeyPem).Write("ca", Intermediate.Pem).Write("cakey", ((ECDsa)Intermediate.Key).ExportPkcs8PrivateKeyPem())
            .Run("req -new -key key -subj /CN=mqtt.example -out csr")
            .Run("x509 -req -in csr -CA ca -CAkey cakey -set_serial 77 -days 200 -sha256 -out out").ReadText("out");
    }

    private static string ExplicitCurve()
    {
        using var tool = new OpenSsl();
        return tool.Run("ecparam -name prime256v1 -param_enc explicit -genkey -noout -out key")
            .Run("req -new -x509 -key key -subj /CN=explicit -days 100 -out out").ReadText("out");
    }
}
