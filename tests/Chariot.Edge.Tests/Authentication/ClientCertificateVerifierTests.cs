using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Authentication;
using Chariot.TestKit.Certificates;

namespace Chariot.Edge.Tests.Authentication;

public sealed class ClientCertificateVerifierTests : IDisposable
{
    private readonly TestClientAuthority _root = new();
    private readonly TestClientAuthority _intermediate;

    public ClientCertificateVerifierTests() => _intermediate = new TestClientAuthority("Intermediate", _root);

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
    }

    [Fact]
    public void Certificate_BelowAnUploadedRoot_IsAccepted()
    {
        using var client = _root.Issue("client");

        Assert.Null(Refusal(Trust(_root), client));
    }

    [Fact]
    public void Intermediate_Alone_IsNoAnchor()
    {
        using var client = _intermediate.Issue("client");

        Assert.NotNull(Refusal(Trust(_intermediate), client));
        Assert.Null(Refusal(Trust(_root, _intermediate), client));
        Assert.Null(Refusal(Trust(_root), client, _intermediate));
        Assert.NotNull(Refusal(Trust(_root), client));
    }

    [Fact]
    public void WithoutAnyCa_NobodyIsAccepted()
    {
        using var client = _root.Issue("client");

        Assert.NotNull(Refusal(ClientTrust.None, client));
        Assert.NotNull(Refusal(ClientTrust.None with { Revision = 4 }, client, _root));
    }

    [Fact]
    public void RootSentByTheClient_IsNotTrusted()
    {
        using var stranger = new TestClientAuthority();
        using var client = stranger.Issue("client");

        Assert.NotNull(Refusal(Trust(_root), client, stranger));
    }

    [Theory]
    [InlineData(X509KeyUsageFlags.DigitalSignature, true)]
    [InlineData(X509KeyUsageFlags.KeyEncipherment, false)]
    public void KeyUsage_MustAllowSigning(X509KeyUsageFlags usage, bool accepted)
    {
        using var client = _root.Issue("client", request => request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, true)));

        Assert.Equal(accepted, Refusal(Trust(_root), client) is null);
    }

    [Fact]
    public void SerialByHand_ConcernsTheClient_NotTheCaWithTheSameOne()
    {
        using var client = _root.Issue("client");
        var caSerial = Trust(_root) with { RevokedSerials = SerialNumbers.Pack([_root.Certificate.SerialNumberBytes.ToArray()]) };
        var clientSerial = Trust(_root) with { RevokedSerials = SerialNumbers.Pack([client.SerialNumberBytes.ToArray()]) };

        Assert.Null(Refusal(caSerial, client));
        Assert.Contains("revoked", Refusal(clientSerial, client), StringComparison.Ordinal);
    }

    [Fact]
    public void List_RevokesWhatItsCaIssued_IntermediatesIncluded()
    {
        using var client = _intermediate.Issue("client");
        using var sameSerial = _root.Issue(new X500DistinguishedName("CN=same"), serial: client.SerialNumberBytes.ToArray());
        var trust = Trust(_root, _intermediate);

        var ofIntermediate = trust with { RevocationLists = [List(_intermediate, client)] };
        Assert.NotNull(Refusal(ofIntermediate, client));
        Assert.Null(Refusal(ofIntermediate, sameSerial));
        Assert.NotNull(Refusal(trust with { RevocationLists = [List(_root, _intermediate.Certificate)] }, client));
    }

    [Fact]
    public void CaThatWasIssuedAgainWithItsKey_IsStillBoundByItsList()
    {
        // The same name and key under another certificate, sent by the client: no way around the list.
        using var client = _intermediate.Issue("client");
        var request = new CertificateRequest(_intermediate.Certificate.SubjectName, _intermediate.Certificate.GetRSAPrivateKey()!, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var again = request.Create(_root.Certificate, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(90), [7, 7]);
        var trust = Trust(_root) with { RevocationLists = [List(_intermediate, client)] };

        Assert.NotNull(Refusal(trust, client, again));
    }

    [Fact]
    public void AcceptedCertificate_IsJudgedAgainUnderEachTrust()
    {
        using var client = _intermediate.Issue("client");
        var full = Trust(_root, _intermediate);
        var fromFile = Accept(full, client);
        var sent = Accept(full with { Authorities = Trust(_root).Authorities }, client, _intermediate.Certificate);

        var withoutIntermediate = new ClientCertificateVerifier(Trust(_root) with { Revision = 2 });
        Assert.NotNull(withoutIntermediate.JudgeAgain(fromFile));
        Assert.Null(withoutIntermediate.JudgeAgain(sent));

        Assert.NotNull(new ClientCertificateVerifier(Trust(_intermediate) with { Revision = 3 }).JudgeAgain(sent));
        Assert.NotNull(new ClientCertificateVerifier(full with { Revision = 4, RevokedSerials = SerialNumbers.Pack([client.SerialNumberBytes.ToArray()]) }).JudgeAgain(fromFile));
        Assert.Null(new ClientCertificateVerifier(full with { Revision = 5 }).JudgeAgain(fromFile));
        Assert.Equal(5, fromFile.JudgedUnder);
    }

    [Fact]
    public void Policy_JudgesByTheClock_NotByTheTimeItWasMade() => Assert.True(new ClientCertificateVerifier(Trust(_root)).CreatePolicy().VerificationTimeIgnored);

    private static ClientTrust Trust(params TestClientAuthority[] authorities) => new()
    {
        Revision = 1,
        Authorities = new ClientAuthorities
        {
            Certificates = [.. authorities.Select(authority => authority.Certificate.RawData)],
            File = new SslFileLabel("clients.pem", DateTimeOffset.UnixEpoch),
        },
    };

    private static RevocationList List(TestClientAuthority issuer, params X509Certificate2[] revoked) => new()
    {
        Issuer = issuer.Certificate.Subject,
        IssuerSha256 = issuer.Sha256,
        IssuerKeySha256 = Convert.ToHexStringLower(SHA256.HashData(issuer.Certificate.PublicKey.ExportSubjectPublicKeyInfo())),
        ThisUpdate = DateTimeOffset.UnixEpoch,
        Serials = SerialNumbers.Pack(revoked.Select(certificate => certificate.SerialNumberBytes.ToArray())),
        Sha256 = "",
        File = new SslFileLabel("clients.crl", DateTimeOffset.UnixEpoch),
    };

    private static string? Refusal(ClientTrust trust, X509Certificate2 client, params TestClientAuthority[] sent) =>
        Judge(trust, client, [.. sent.Select(authority => authority.Certificate)]).Refusal;

    private static string? Refusal(ClientTrust trust, X509Certificate2 client, X509Certificate2 sent) => Judge(trust, client, [sent]).Refusal;

    private static ClientCertificate Accept(ClientTrust trust, X509Certificate2 client, params X509Certificate2[] sent)
    {
        var (accepted, refusal) = Judge(trust, client, sent);
        Assert.Null(refusal);
        return accepted!;
    }

    /// <summary>As <see cref="System.Net.Security.SslStream"/> does it: the policy's copy, what was sent added, then built.</summary>
    private static (ClientCertificate? Accepted, string? Refusal) Judge(ClientTrust trust, X509Certificate2 client, X509Certificate2[] sent)
    {
        var verifier = new ClientCertificateVerifier(trust);
        using var leaf = X509CertificateLoader.LoadCertificate(client.RawData);
        using var chain = new X509Chain { ChainPolicy = verifier.CreatePolicy() };
        chain.ChainPolicy.ExtraStore.AddRange(sent);
        chain.Build(leaf);
        return verifier.Judge(leaf, chain);
    }
}
