using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.TestKit.Certificates;

/// <summary>Rows 27 to 32, 36, 38, 42, 46: the chain above the server certificate.</summary>
public static partial class BundleTable
{
    private const string IntermediateName = "CN=Test Intermediate, O=Chariot Tests";

    private static Dictionary<string, BundleCase> ChainRows() => new()
    {
        ["10 intermediate of 1024 bits"] = Below(() => NewAuthority("CN=Small", Root, key: RSA.Create(1024)), "chain.key-too-small", "error"),
        ["27 wrong order"] = OfChain("chain.reordered", "info", 1, 1, () => Root.Pem + Intermediate.Pem),
        ["27 duplicate"] = OfChain("chain.duplicate", "info", 3, LineAfter(ChainPem), () => ChainPem + Intermediate.Pem, "repeats block 1"),
        ["28 intermediate missing"] = OfChain("chain.incomplete", "error", null, null, () => Root.Pem, IntermediateName),
        ["28 address of the issuer"] = Odd("chain.incomplete", "error", Chain, null, null, () => Bundle(certificate: Leaf(Intermediate, AddAddress), chain: Root.Pem), "http://ca.example/issuer.crt"),
        ["28 second intermediate missing"] = Odd("chain.incomplete", "error", Chain, null, null, () => Bundle(certificate: Leaf(LowerIntermediate), chain: LowerIntermediate.Pem + Root.Pem), IntermediateName),
        ["29 root missing"] = OfChain("chain.no-root", "warning", 1, 1, () => Intermediate.Pem, "CN=Test Root"),
        ["30 same name, other key"] = OfChain("chain.bad-signature", "error", 1, 1, () => NewAuthority(IntermediateName, Root).Pem + Root.Pem, "another key"),
        ["30 same name and key id, other key"] = OfChain("chain.bad-signature", "error", 1, 1, () => WithKeyIdOf(Intermediate).Pem + Root.Pem),
        ["31 unrelated"] = OfChain("chain.unrelated", "warning", 3, LineAfter(ChainPem), () => ChainPem + NewAuthority("CN=Stranger", null).Pem, "CN=Stranger"),
        ["31 chain of another certificate"] = OfChain("chain.incomplete", "error", null, null, () => NewAuthority("CN=Stranger", null).Pem, IntermediateName),
        ["32 cross-signed, one expired"] = Crossed(),
        ["36 intermediate expired"] = Below(() => NewAuthority("CN=Old", Root, from: Now.AddDays(-20), to: Now.AddDays(-3)), "chain.expired", "error"),
        ["36 intermediate not yet valid"] = Below(() => NewAuthority("CN=New", Root, from: Now.AddDays(3)), "chain.expired", "error"),
        ["36 root expired"] = OldRoot(),
        ["38 SHA-1 intermediate"] = Below(() => WeakIntermediate(), "certificate.weak-signature", "error", Weak.Root),
        ["38 SHA-1 on the root itself"] = Sound(() => UnderWeakRoot()),
        ["42 issuer without CA:TRUE"] = Below(() => NewAuthority("CN=No CA", Root, request => request.Replace("2.5.29.19", new X509BasicConstraintsExtension(false, false, 0, true))), "chain.not-a-ca", "error"),
        ["42 issuer without keyCertSign"] = Below(() => NewAuthority("CN=No CA", Root, request => request.Replace("2.5.29.15", new X509KeyUsageExtension(X509KeyUsageFlags.CrlSign, true))), "chain.not-a-ca", "error"),
        ["42 issuer for other uses"] = Below(() => NewAuthority("CN=Mail CA", Root, request => request.CertificateExtensions.Add(Usages("1.3.6.1.5.5.7.3.4"))), "certificate.eku", "error"),
        ["42 path length"] = TooLow(),
        ["42 name constraints"] = Below(() => NewAuthority("CN=Constrained", Root, request => request.CertificateExtensions.Add(Permitted("other.example"))), "chain.name-constraints", "error"),
        ["42 unknown critical extension of an intermediate"] = Below(() => NewAuthority("CN=Critical", Root, request => request.CertificateExtensions.Add(new X509Extension("1.3.6.1.4.1.99999.1", [5, 0], critical: true))), "certificate.critical-extension", "error"),
        ["46 eleven above the leaf"] = TooLong(),
        ["46 large"] = OfServer("chain.large", "warning", () => Leaf(Intermediate, request => request.Replace("2.5.29.17", Names([.. Enumerable.Range(0, 320).Select(i => $"host-{i:d4}.a-rather-long-subdomain-of-the-plant.example"), "mqtt.example"]))))
            with { File = Chain, Block = null, Line = null },
    };

    /// <summary>A server certificate of one intermediate, which is the first block of the chain file.</summary>
    private static BundleCase Below(Func<Authority> make, string code, string severity, Authority? root = null) => Odd(code, severity, Chain, 1, 1, () =>
    {
        var authority = make();
        return Bundle(certificate: Leaf(authority), chain: authority.Pem + (root ?? Root).Pem);
    });

    private static Authority WeakIntermediate() => NewAuthority("CN=Weak", Weak.Root, signer: new WeakSigner((RSA)Weak.Root.Key, HashAlgorithmName.SHA1));

    private static BundleFiles UnderWeakRoot()
    {
        var authority = NewAuthority("CN=Under A Weak Root", Weak.Root);
        return Bundle(certificate: Leaf(authority), chain: authority.Pem + Weak.Root.Pem);
    }

    private static void AddAddress(CertificateRequest request) =>
        request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension([], ["http://ca.example/issuer.crt"]));

    private static Authority WithKeyIdOf(Authority authority) => NewAuthority(
        IntermediateName, Root, request => request.Replace("2.5.29.14", authority.Certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single()));

    // RFC 5280 section 4.2.1.10: [0] permittedSubtrees, each with a [2] dNSName.
    private static X509Extension Permitted(string name) =>
        new("2.5.29.30", [0x30, (byte)(name.Length + 6), 0xA0, (byte)(name.Length + 4), 0x30, (byte)(name.Length + 2), 0x82, (byte)name.Length, .. System.Text.Encoding.ASCII.GetBytes(name)], critical: true);

    private static BundleCase Crossed()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var expired = NewAuthority("CN=Crossed", Root, key: key, from: Now.AddDays(-20), to: Now.AddDays(-3));
        var valid = NewAuthority("CN=Crossed", Root, key: key);
        return Odd("chain.path-chosen", "info", Chain, 2, LineAfter(expired.Pem), () => Bundle(certificate: Leaf(valid), chain: expired.Pem + valid.Pem + Root.Pem), "2 chains");
    }

    private static BundleCase OldRoot()
    {
        var root = NewAuthority("CN=Old Root", null, from: Now.AddDays(-20), to: Now.AddDays(-3));
        var authority = NewAuthority("CN=Under An Old Root", root);
        return Odd("chain.expired", "warning", Chain, 2, LineAfter(authority.Pem), () => Bundle(certificate: Leaf(authority), chain: authority.Pem + root.Pem), "The root");
    }

    private static BundleCase TooLow()
    {
        var upper = NewAuthority("CN=Upper", Root, request => request.Replace("2.5.29.19", new X509BasicConstraintsExtension(true, true, 0, true)));
        var lower = NewAuthority("CN=Lower", upper);
        return Odd("chain.path-length", "error", Chain, 2, LineAfter(lower.Pem), () => Bundle(certificate: Leaf(lower), chain: lower.Pem + upper.Pem + Root.Pem), "CN=Upper allows 0");
    }

    private static BundleCase TooLong()
    {
        List<Authority> authorities = [Root];
        for (var i = 0; i < 10; i++)
        {
            authorities.Insert(0, NewAuthority($"CN=Level {i}", authorities[0]));
        }

        // The eleventh certificate of the path is the tenth of the file.
        var above = string.Concat(authorities.Take(9).Select(authority => authority.Pem));
        return Odd("chain.too-long", "error", Chain, 10, LineAfter(above), () => Bundle(certificate: Leaf(authorities[0]), chain: above + authorities[9].Pem + authorities[10].Pem), "at most 10");
    }

    private static class Weak
    {
        private static readonly RSA Key = RSA.Create(2048);

        public static readonly Authority Root = NewAuthority("CN=Weak Root", null, key: Key, signer: new WeakSigner(Key, HashAlgorithmName.SHA1));
    }
}
