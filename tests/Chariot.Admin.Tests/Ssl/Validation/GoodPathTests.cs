using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl.Validation;
using Chariot.TestKit.Certificates;
using static Chariot.Admin.Tests.Ssl.Validation.Inspecting;
using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.Admin.Tests.Ssl.Validation;

/// <summary>What is accepted, and what comes out.</summary>
public sealed class GoodPathTests
{
    private static readonly string Fullest = LowerIntermediate.Pem + Intermediate.Pem + Root.Pem;
    private static readonly string DeepLeaf = Leaf(LowerIntermediate);

    [Fact]
    public void Inspect_OfAGoodBundle_HasNoFindings()
    {
        using var result = Good.Inspect();
        Assert.Empty(result.Findings);
        Assert.Equal(Der(LeafPem), result.Leaf);
        Assert.Equal(Intermediate.Certificate.RawData, Assert.Single(result.Intermediates));
        Assert.Equal(Root.Certificate.RawData, result.Root);
        using var certificate = X509CertificateLoader.LoadCertificate(result.Leaf!);
        var details = result.Details!;
        Assert.Equal("CN=mqtt.example", details.Subject);
        Assert.Equal(Intermediate.Certificate.Subject, details.Issuer);
        Assert.Equal(certificate.SerialNumber.TrimStart('0').PadLeft(16, '0'), details.SerialNumber.PadLeft(16, '0'), ignoreCase: true);
        Assert.Equal("DNS:mqtt.example", Assert.Single(details.SubjectAlternativeNames));
        Assert.Equal(("RSA", 2048), (details.KeyType, details.KeyBits));
        Assert.Equal("ecdsa-with-SHA256", details.SignatureAlgorithm);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(result.Leaf!)), details.Sha256Fingerprint);
        Assert.Equal(Now.AddDays(365), details.NotAfter);
        Assert.Equal([Intermediate.Certificate.Subject, Root.Certificate.Subject], result.Chain.Select(entry => entry.Subject));
    }

    [Fact]
    public void Inspect_OfPkcs1AndPkcs8_GivesTheSameKey()
    {
        using var fromPkcs8 = Good.Inspect();
        using var fromPkcs1 = Bundle(ServerKey.ExportRSAPrivateKeyPem()).Inspect();
        Assert.Empty(fromPkcs1.Findings);
        Assert.Equal(fromPkcs8.Pkcs8Key!.Bytes.ToArray(), fromPkcs1.Pkcs8Key!.Bytes.ToArray());
        Assert.Equal(ServerKey.ExportPkcs8PrivateKey(), fromPkcs1.Pkcs8Key.Bytes.ToArray());
    }

    [Fact]
    public void Dispose_OfAnInspection_WipesTheKey()
    {
        var result = Good.Inspect();
        result.Dispose();
        Assert.DoesNotContain(result.Pkcs8Key!.Bytes.ToArray(), value => value != 0);
    }

    [Theory]
    [InlineData("012")]
    [InlineData("021")]
    [InlineData("102")]
    [InlineData("120")]
    [InlineData("201")]
    [InlineData("210")]
    [InlineData("01")]
    [InlineData("10")]
    public void Inspect_OfAChainInAnyOrder_ServesItFromTheLeafUp(string order)
    {
        string[] parts = [LowerIntermediate.Pem, Intermediate.Pem, Root.Pem];
        using var result = Bundle(certificate: DeepLeaf, chain: string.Concat(order.Select(index => parts[index - '0']))).Inspect();
        Assert.False(result.HasErrors);
        Assert.Equal([Convert.ToHexString(LowerIntermediate.Certificate.RawData), Convert.ToHexString(Intermediate.Certificate.RawData)], result.Intermediates.Select(Convert.ToHexString));
        Assert.Equal(order.Contains('2') ? Root.Certificate.RawData : null, result.Root);
        Assert.Equal(order is not ("012" or "01"), result.Findings.Any(finding => finding.Code == "chain.reordered"));
        Assert.Equal(order.Length == 2, result.Findings.Any(finding => finding.Code == "chain.no-root"));
    }

    [Fact]
    public void Inspect_OfALeafIssuedByTheRoot_ServesItAlone()
    {
        using var result = Bundle(certificate: Leaf(Root), chain: Root.Pem).Inspect();
        Assert.Empty(result.Findings);
        Assert.Empty(result.Intermediates);
        Assert.Equal(Root.Certificate.RawData, result.Root);
    }

    [Fact]
    public void Inspect_OfAFullChainInTheCertificateSlot_MovesTheRest()
    {
        using var result = Bundle(certificate: DeepLeaf + LowerIntermediate.Pem + Intermediate.Pem, chain: Root.Pem).Inspect();
        Assert.Equal("certificate.chain-moved", Assert.Single(result.Findings).Code);
        Assert.Equal(2, result.Intermediates.Length);
        Assert.Equal(Der(DeepLeaf), result.Leaf);
    }

    [Fact]
    public void Inspect_OfTheRootBeforeTheLeaf_TakesTheOneThatFitsTheKey()
    {
        using var result = Bundle(certificate: Root.Pem + Leaf(Intermediate)).Inspect();
        Assert.False(result.HasErrors);
        Assert.Equal("CN=mqtt.example", result.Details!.Subject);
    }

    public static TheoryData<string> Spellings => [.. PemSpelling.Names];

    [Theory]
    [MemberData(nameof(Spellings))]
    public void Inspect_OfUnusualText_GivesTheSameCertificate(string spelling)
    {
        using var result = new BundleFiles(PemSpelling.Respell(KeyPem, spelling), PemSpelling.Respell(LeafPem, spelling), PemSpelling.Respell(ChainPem, spelling)).Inspect();
        Assert.Empty(result.Findings);
        Assert.Equal(Der(LeafPem), result.Leaf);
    }

    [Theory]
    [InlineData(SslFile.PrivateKey, "RSA 2048-bit private key (PKCS#8)")]
    [InlineData(SslFile.ServerCertificate, "CN=mqtt.example, valid until ")]
    [InlineData(SslFile.CaChain, "root + 2 intermediates: CN=Test Lower Intermediate, O=Chariot Tests; CN=Test Intermediate, O=Chariot Tests; CN=Test Root, O=Chariot Tests")]
    public void InspectFile_OfAGoodFile_SaysWhatItIs(SslFile slot, string recognised)
    {
        var content = slot switch { SslFile.PrivateKey => KeyPem, SslFile.ServerCertificate => LeafPem, _ => Fullest };
        using var result = new CertificateBundleValidator(Clock).InspectFile(slot, Bytes(content));
        Assert.StartsWith(recognised, result.Recognised, StringComparison.Ordinal);
        Assert.Empty(result.Findings);
    }

    private static byte[] Der(string pem) => X509Certificate2.CreateFromPem(pem).RawData;
}
