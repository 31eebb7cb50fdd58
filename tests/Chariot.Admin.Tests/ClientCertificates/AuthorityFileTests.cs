using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.ClientCertificates;
using Chariot.TestKit.Certificates;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Admin.Tests.ClientCertificates;

public sealed class AuthorityFileTests : IDisposable
{
    private readonly TestClientAuthority _root = new();
    private readonly TestClientAuthority _intermediate;
    private readonly AuthorityFile _file = new(TimeProvider.System);

    public AuthorityFileTests() => _intermediate = new TestClientAuthority("Intermediate", _root);

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
    }

    [Fact]
    public void RootAndIntermediate_InAnyOrder_AreGood_AndDuplicatesCountOnce()
    {
        var inspection = Inspect(_intermediate.Pem + _root.Pem + _root.Pem);

        Assert.Equal(["chain.duplicate"], inspection.Findings.Select(finding => finding.Code));
        Assert.Equal([_intermediate.Sha256, _root.Sha256], inspection.Certificates.Select(certificate => certificate.Sha256));
    }

    [Fact]
    public void EcCa_IsGood()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=EC Root", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(1));

        Assert.Empty(Inspect(root.ExportCertificatePem()).Findings);
    }

    [Fact]
    public void EveryBadFile_GetsItsFinding()
    {
        using var client = _root.Issue("client");
        using var stranger = new TestClientAuthority();
        using var noSigner = new TestClientAuthority(usage: X509KeyUsageFlags.DigitalSignature);
        foreach (var (content, code) in new[]
        {
            ("", "file.empty"),
            ("nothing", "file.not-pem"),
            (_intermediate.Pem, "client-ca.no-issuer"),
            // The issuer's name, but not its key.
            (_intermediate.Pem + stranger.Pem, "client-ca.no-issuer"),
            (client.ExportCertificatePem() + "\n" + _root.Pem, "client-ca.not-a-ca"),
            (noSigner.Pem, "client-ca.key-usage"),
            (_root.Certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem(), "certificate.is-key"),
            (_root.Pem[..^40], "file.pem-truncated"),
            (string.Concat(Enumerable.Repeat(_root.Pem, 21)), "file.too-complex"),
        })
        {
            var inspection = Inspect(content);
            Assert.True(inspection.HasErrors, code);
            Assert.Equal(code, inspection.Findings[0].Code);
            Assert.All(inspection.Findings, finding => Assert.Equal("clientCa", finding.File));
            Assert.Empty(inspection.Certificates);
        }
    }

    [Fact]
    public void ExpiredCa_IsWarnedOf_AndRefusedWhenNoOtherIsValid()
    {
        var time = new FakeTimeProvider(_root.Certificate.NotAfter.AddDays(-5));
        Assert.Equal(FindingSeverity.Warning, Assert.Single(new AuthorityFile(time).Inspect(_root.PemBytes).Findings, finding => finding.Code == "client-ca.expires-soon").Severity);

        time.Advance(TimeSpan.FromDays(10));
        var findings = new AuthorityFile(time).Inspect(_root.PemBytes).Findings;
        Assert.Equal(["client-ca.none-valid", "client-ca.expired"], findings.Select(finding => finding.Code));
    }

    private AuthorityInspection Inspect(string content) => _file.Inspect(Encoding.ASCII.GetBytes(content));
}
