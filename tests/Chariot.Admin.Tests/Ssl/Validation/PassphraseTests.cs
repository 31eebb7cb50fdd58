using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl.Validation;
using Chariot.TestKit.Certificates;
using static Chariot.Admin.Tests.Ssl.Validation.Inspecting;
using static Chariot.TestKit.Certificates.TestPki;

namespace Chariot.Admin.Tests.Ssl.Validation;

/// <summary>What a passphrase opens; the refusals are rows of the table.</summary>
public sealed class PassphraseTests
{
    private static readonly PbeParameters Usual = new(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);

    private static string Encrypted => ServerKey.ExportEncryptedPkcs8PrivateKeyPem(BundleTable.Passphrase, Usual) + "\n";

    [Fact]
    public void InspectFile_OfAnEncryptedKey_GivesTheKeyInClear_AndNothingElseOfTheFile()
    {
        using var passphrase = Secret(BundleTable.Passphrase);
        using var result = new CertificateBundleValidator(Clock).InspectFile(SslFile.PrivateKey, Bytes(LeafPem + Encrypted), passphrase);

        Assert.Equal("RSA 2048-bit private key (PKCS#8, decrypted)", result.Recognised);
        Assert.Equal(["key.extra-blocks"], result.Findings.Select(finding => finding.Code));
        Assert.Equal(KeyPem.Trim(), Encoding.ASCII.GetString(result.Decrypted!.Bytes));
    }

    [Fact]
    public void InspectFile_WithAWrongPassphrase_GivesNoKey()
    {
        using var passphrase = Secret("something else altogether");
        using var result = new CertificateBundleValidator(Clock).InspectFile(SslFile.PrivateKey, Bytes(Encrypted), passphrase);

        Assert.Equal(["key.passphrase"], result.Findings.Select(finding => finding.Code));
        Assert.Null(result.Decrypted);
    }

    [Fact]
    public void InspectFile_OfAPlainKey_WithAPassphrase_SaysThatItWasNotNeeded()
    {
        using var passphrase = Secret(BundleTable.Passphrase);
        using var result = new CertificateBundleValidator(Clock).InspectFile(SslFile.PrivateKey, Bytes(KeyPem), passphrase);

        Assert.Equal([("key.passphrase-unused", FindingSeverity.Info)], result.Findings.Select(finding => (finding.Code, finding.Severity)));
        Assert.Null(result.Decrypted);
    }

    [Fact]
    public void InspectBundle_OfAnEncryptedKey_GivesItAsPkcs8()
    {
        using var result = (Bundle(Encrypted) with { Passphrase = BundleTable.Passphrase }).Inspect();

        Assert.Empty(result.Findings);
        Assert.Equal(ServerKey.ExportPkcs8PrivateKey(), result.Pkcs8Key!.Bytes.ToArray());
    }

    /// <summary>One wrong passphrase in 256 happens to leave right padding: none of them may look like a key or a broken file.</summary>
    [Fact]
    public void AnyWrongPassphrase_IsCalledThat()
    {
        var key = Bytes(ServerKey.ExportEncryptedPkcs8PrivateKeyPem(BundleTable.Passphrase, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1)));
        var validator = new CertificateBundleValidator(Clock);
        for (var i = 0; i < 2000; i++)
        {
            using var passphrase = Secret($"wrong {i}");
            using var result = validator.InspectFile(SslFile.PrivateKey, key, passphrase);
            Assert.Equal("key.passphrase", Assert.Single(result.Findings).Code);
        }
    }
}
