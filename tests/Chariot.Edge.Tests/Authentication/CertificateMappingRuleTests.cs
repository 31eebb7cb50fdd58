using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Authentication;
using Chariot.TestKit.Certificates;

namespace Chariot.Edge.Tests.Authentication;

/// <summary>Names are compared whole and exactly, and what can be read in two ways names nobody.</summary>
public sealed class CertificateMappingRuleTests : IDisposable
{
    private const string Cn = "2.5.4.3";
    private const string Organisation = "2.5.4.10";

    private readonly TestClientAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData("device", true)]
    [InlineData("Device", false)]
    [InlineData("device ", false)]
    [InlineData("devic", false)]
    [InlineData("device.example", false)]
    [InlineData("*", false)]
    public void CommonName_MatchesOnlyWhole(string mapped, bool matches) =>
        Assert.Equal(matches, IsMapped(Subject([(Cn, Utf8("device"))]), CertificateField.CommonName, mapped));

    [Fact]
    public void CommonName_OfAnotherStringType_IsTheSameName()
    {
        byte[] printable = [0x13, 6, .. "device"u8];
        byte[] bmp = [0x1E, 12, .. System.Text.Encoding.BigEndianUnicode.GetBytes("device")];

        Assert.True(IsMapped(Subject([(Cn, printable)]), CertificateField.CommonName, "device"));
        Assert.True(IsMapped(Subject([(Cn, bmp)]), CertificateField.CommonName, "device"));
    }

    [Fact]
    public void Subject_MatchesInItsOrderOnly()
    {
        var subject = Subject([(Organisation, Utf8("Plant"))], [(Cn, Utf8("device"))]);

        Assert.True(IsMapped(subject, CertificateField.Subject, "CN=device, O=Plant"));
        Assert.False(IsMapped(subject, CertificateField.Subject, "O=Plant, CN=device"));
        Assert.False(IsMapped(subject, CertificateField.Subject, "CN=device"));
    }

    public static TheoryData<string> UnclearSubjects => ["two CNs", "the same CN twice", "multi-valued RDN", "embedded NUL", "control character", "T61String", "empty value"];

    [Theory]
    [MemberData(nameof(UnclearSubjects))]
    public void UnclearSubject_IsNobody_AndRefused(string kind)
    {
        var subject = kind switch
        {
            "two CNs" => Subject([(Cn, Utf8("device"))], [(Cn, Utf8("other"))]),
            "the same CN twice" => Subject([(Cn, Utf8("device"))], [(Cn, Utf8("device"))]),
            "multi-valued RDN" => Subject([(Cn, Utf8("device")), (Organisation, Utf8("Plant"))]),
            "embedded NUL" => Subject([(Cn, Utf8("device\0.example"))]),
            "control character" => Subject([(Cn, Utf8("device\n"))]),
            "T61String" => Subject([(Cn, [0x14, 6, .. "device"u8])]),
            _ => Subject([(Organisation, Utf8(""))], [(Cn, Utf8("device"))]),
        };

        Assert.Equal(CertificateIdentityKind.Unclear, Identify(subject, null, new CertificateMapping(CertificateField.CommonName, "device", "user")).Kind);
        Assert.Equal(CertificateIdentityKind.Unclear, Identify(subject, null, new CertificateMapping(CertificateField.Subject, "CN=device", "user")).Kind);
        // Where no mapping looks at the subject, it does not matter.
        Assert.Equal(CertificateIdentityKind.Unmapped, Identify(subject, null, new CertificateMapping(CertificateField.DnsName, "device", "user")).Kind);
    }

    [Fact]
    public void AlternativeNames_MatchWhole_EachKindByItself()
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("first.example");
        names.AddDnsName("second.example");
        names.AddUri(new Uri("urn:plant:device"));
        var extension = names.Build();
        var subject = Subject([(Cn, Utf8("device"))]);

        Assert.Equal("user", Identify(subject, extension, new CertificateMapping(CertificateField.DnsName, "second.example", "user")).Username);
        Assert.Equal("user", Identify(subject, extension, new CertificateMapping(CertificateField.Uri, "urn:plant:device", "user")).Username);
        Assert.Null(Identify(subject, extension, new CertificateMapping(CertificateField.DnsName, "urn:plant:device", "user")).Username);
        Assert.Null(Identify(subject, extension, new CertificateMapping(CertificateField.DnsName, "example", "user")).Username);
        Assert.Null(Identify(subject, extension, new CertificateMapping(CertificateField.CommonName, "first.example", "user")).Username);
    }

    [Fact]
    public void AlternativeNames_WithEmbeddedNul_AreNobody_AndRefused()
    {
        byte[] name = [.. "device\0.example"u8];
        var extension = new X509Extension("2.5.29.17", [0x30, (byte)(name.Length + 2), 0x82, (byte)name.Length, .. name], false);

        Assert.Equal(CertificateIdentityKind.Unclear, Identify(Subject([(Cn, Utf8("x"))]), extension, new CertificateMapping(CertificateField.DnsName, "device", "user")).Kind);
    }

    [Fact]
    public void FirstMappingThatFits_Decides()
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("device.example");
        var subject = Subject([(Cn, Utf8("device"))]);
        var byName = new CertificateMapping(CertificateField.CommonName, "device", "by name");
        var byDns = new CertificateMapping(CertificateField.DnsName, "device.example", "by dns");

        Assert.Equal("by dns", Identify(subject, names.Build(), byDns, byName).Username);
        Assert.Equal("by name", Identify(subject, names.Build(), byName, byDns).Username);
    }

    [Fact]
    public void ClearNameThatFits_Decides_WhateverElseIsUnclear()
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("device.example");

        var identity = Identify(
            Subject([(Cn, Utf8("a")), (Organisation, Utf8("b"))]), names.Build(),
            new CertificateMapping(CertificateField.CommonName, "other", "other"), new CertificateMapping(CertificateField.DnsName, "device.example", "user"));

        Assert.Equal("user", identity.Username);
    }

    private static X500DistinguishedName Subject(params (string Oid, byte[] Value)[][] names) => TestClientAuthority.Subject(names);

    private static byte[] Utf8(string text) => TestClientAuthority.Utf8(text);

    private bool IsMapped(X500DistinguishedName subject, CertificateField match, string value) =>
        Identify(subject, null, new CertificateMapping(match, value, "user")) == new CertificateIdentity(CertificateIdentityKind.Mapped, "user");

    private CertificateIdentity Identify(X500DistinguishedName subject, X509Extension? extension, params CertificateMapping[] mappings)
    {
        using var certificate = _authority.Issue(subject, request =>
        {
            if (extension is not null)
            {
                request.CertificateExtensions.Add(extension);
            }
        });
        return new CertificateMappingRule([.. mappings]).Identify(CertificateNames.Read(certificate));
    }
}
