using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.ClientCertificates;
using Chariot.TestKit.Certificates;

namespace Chariot.Admin.Tests.ClientCertificates;

public sealed class RevocationListFileTests : IDisposable
{
    private static readonly SslFileLabel Label = new("clients.crl", DateTimeOffset.UnixEpoch);

    private readonly TestClientAuthority _authority = new();
    private readonly RevocationListFile _file = new(TimeProvider.System);

    public void Dispose() => _authority.Dispose();

    [Fact]
    public void List_OfEitherForm_IsRead()
    {
        using var revoked = _authority.Issue("revoked");
        using var good = _authority.Issue("good");
        var der = _authority.Revoke(0x1234, [revoked]);
        var pem = Encoding.ASCII.GetBytes("-----BEGIN X509 CRL-----\r\n" + Convert.ToBase64String(der, Base64FormattingOptions.InsertLineBreaks) + "\r\n-----END X509 CRL-----\r\n");

        foreach (var content in new[] { der, pem })
        {
            var inspection = _file.Inspect(content, Label, _authority.Certificate.RawData, inForce: null);

            Assert.Empty(inspection.Findings);
            var list = inspection.List!;
            Assert.Equal("1234", list.Number);
            Assert.Equal(_authority.Sha256, list.IssuerSha256);
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(_authority.Certificate.PublicKey.ExportSubjectPublicKeyInfo())), list.IssuerKeySha256);
            Assert.True(SerialNumbers.Contains(list.Serials, revoked.SerialNumberBytes.Span));
            Assert.False(SerialNumbers.Contains(list.Serials, good.SerialNumberBytes.Span));
        }
    }

    [Fact]
    public void EmptyList_IsGood()
    {
        var list = _file.Inspect(_authority.Revoke(1, []), Label, _authority.Certificate.RawData, inForce: null).List;

        Assert.Equal(0, SerialNumbers.Count(list!.Serials));
    }

    [Theory]
    [InlineData(7, 8, null)]
    [InlineData(7, 7, null)]
    [InlineData(7, 6, "crl.number")]
    [InlineData(0x100, 0xFF, "crl.number")]
    [InlineData(0xFF, 0x100, null)]
    public void Number_DoesNotGoBack(int before, int after, string? code)
    {
        var inForce = _file.Inspect(_authority.Revoke(before, []), Label, _authority.Certificate.RawData, inForce: null).List;

        var inspection = _file.Inspect(_authority.Revoke(after, []), Label, _authority.Certificate.RawData, inForce);

        Assert.Equal(code, inspection.Findings.SingleOrDefault()?.Code);
        Assert.Equal(code is null, inspection.List is not null);
    }

    [Fact]
    public void Date_DoesNotGoBack_WhateverTheNumber()
    {
        var now = DateTimeOffset.UtcNow;
        var inForce = _file.Inspect(_authority.Revoke(1, []), Label, _authority.Certificate.RawData, inForce: null).List;

        var inspection = _file.Inspect(_authority.Revoke(2, [], now.AddDays(1), now.AddDays(-1)), Label, _authority.Certificate.RawData, inForce);

        Assert.Equal("crl.older", Assert.Single(inspection.Findings).Code);
    }

    [Fact]
    public void OverdueList_IsTaken_WithAWarning()
    {
        var now = DateTimeOffset.UtcNow;

        var inspection = _file.Inspect(_authority.Revoke(1, [], now.AddHours(-1), now.AddDays(-1)), Label, _authority.Certificate.RawData, inForce: null);

        Assert.Equal(("crl.expired", FindingSeverity.Warning), (inspection.Findings.Single().Code, inspection.Findings.Single().Severity));
        Assert.NotNull(inspection.List);
    }

    [Fact]
    public void ListOfTheFuture_IsRefused()
    {
        var now = DateTimeOffset.UtcNow;

        AssertRefused("crl.not-yet-valid", _authority.Revoke(1, [], now.AddDays(3), now.AddDays(2)));
    }

    [Fact]
    public void CaThatMayNotSignLists_IsRefused()
    {
        using var authority = new TestClientAuthority(usage: X509KeyUsageFlags.KeyCertSign);
        using var mighty = new TestClientAuthority();
        // .NET does not build such a list; the key usage of the certificate that it is uploaded for is what counts.
        var inspection = _file.Inspect(mighty.Revoke(1, []), Label, authority.Certificate.RawData, inForce: null);

        Assert.Contains(inspection.Findings, finding => finding.Code == "crl.not-permitted");
    }

    [Fact]
    public void ListOfAnotherKeyOfTheSameName_IsRefused()
    {
        using var other = new TestClientAuthority();

        AssertRefused("crl.signature", other.Revoke(1, []));
    }

    [Fact]
    public void SeveralBlocks_AndAPrivateKey_AreRefused()
    {
        var pem = new string(PemEncoding.Write("X509 CRL", _authority.Revoke(1, []))) + "\n";

        AssertRefused("crl.several", Encoding.ASCII.GetBytes(pem + pem));
        AssertRefused("file.label", Encoding.ASCII.GetBytes(_authority.Certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem()));
    }

    /// <summary>Whatever byte is wrong: an answer with an error, never an exception, and never a list that differs.</summary>
    [Fact]
    public void DamagedList_IsNeverTaken_AndNeverThrows()
    {
        using var revoked = _authority.Issue("revoked");
        var der = _authority.Revoke(1, [revoked]);
        for (var at = 0; at < der.Length; at++)
        {
            byte[] damaged = [.. der];
            damaged[at] ^= (byte)(1 + (at % 255));
            Assert.Null(_file.Inspect(damaged, Label, _authority.Certificate.RawData, inForce: null).List);
            Assert.Null(_file.Inspect(der.AsSpan(0, at), Label, _authority.Certificate.RawData, inForce: null).List);
        }
    }

    [Fact]
    public void RandomBytes_NeverThrow()
    {
        var random = new Random(5);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = new byte[random.Next(200)];
            random.NextBytes(bytes);
            if (i % 2 == 0 && bytes.Length > 1)
            {
                (bytes[0], bytes[1]) = (0x30, (byte)Math.Min(bytes.Length - 2, 127));
            }

            var inspection = _file.Inspect(bytes, Label, _authority.Certificate.RawData, inForce: null);
            Assert.Null(inspection.List);
            Assert.NotEmpty(inspection.Findings);
        }
    }

    [Fact]
    public void HundredThousandEntries_AreRead()
    {
        var builder = new CertificateRevocationListBuilder();
        for (var i = 0; i < 100_000; i++)
        {
            builder.AddEntry([0x11, (byte)(i >> 16), (byte)(i >> 8), (byte)i], DateTimeOffset.UnixEpoch);
        }

        var der = builder.Build(_authority.Certificate, 1, DateTimeOffset.UtcNow.AddDays(1), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1, DateTimeOffset.UtcNow.AddHours(-1));
        Assert.InRange(der.Length, 1, RevocationListFile.MaximumSize);

        var list = _file.Inspect(der, Label, _authority.Certificate.RawData, inForce: null).List!;

        Assert.Equal(100_000, SerialNumbers.Count(list.Serials));
        Assert.True(SerialNumbers.Contains(list.Serials, [0x11, 1, 0x86, 0x9F]));
    }

    private void AssertRefused(string code, byte[] content)
    {
        var inspection = _file.Inspect(content, Label, _authority.Certificate.RawData, inForce: null);
        Assert.Equal(code, Assert.Single(inspection.Findings).Code);
        Assert.Equal("crl", inspection.Findings[0].File);
        Assert.Null(inspection.List);
    }
}
