using System.Net;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Ssl;
using Chariot.Admin.Tests.Kit;

namespace Chariot.Admin.Tests.Ssl;

/// <summary>A certificate of <c>chariot dev-ca</c> is for this machine and its neighbours; elsewhere it draws a warning.</summary>
public class DevelopmentCertificateTests
{
    private static readonly CertificateDetails Marked = FakeValidator.Details with { Subject = $"CN=x, O={DevelopmentCertificate.Organization}" };

    [Theory]
    [InlineData("203.0.113.7", true)]
    [InlineData("8.8.8.8", true)]
    [InlineData("2001:db8::1", true)]
    [InlineData("172.32.0.1", true)]
    [InlineData("192.169.0.1", true)]
    [InlineData("100.128.0.1", true)]
    [InlineData("::ffff:8.8.8.8", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.16.0.1", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("169.254.1.1", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("::ffff:192.168.0.1", false)]
    public void ADevelopmentCertificate_OnAnAddress_IsWarnedOfUnlessItIsPrivate(string address, bool warned)
    {
        var finding = DevelopmentCertificate.Inspect(Marked, [], [IPAddress.Loopback, IPAddress.Parse(address)], []);

        Assert.Equal(warned ? "certificate.development" : null, finding?.Code);
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    public void AWildcard_StandsForTheInterfaces(string wildcard)
    {
        IPAddress[] listening = [IPAddress.Parse(wildcard)];

        Assert.Null(DevelopmentCertificate.Inspect(Marked, [], listening, [IPAddress.Loopback, IPAddress.Parse("10.0.0.5")]));
        var finding = DevelopmentCertificate.Inspect(Marked, [], listening, [IPAddress.Loopback, IPAddress.Parse("198.51.100.9")]);
        Assert.Equal(FindingSeverity.Warning, finding?.Severity);
        Assert.Contains("198.51.100.9", finding!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ACertificateUnderADevelopmentCa_IsWarnedOfToo_AndAnyOtherIsNot()
    {
        IPAddress[] open = [IPAddress.Parse("203.0.113.7")];

        Assert.NotNull(DevelopmentCertificate.Inspect(FakeValidator.Details, [Marked], open, []));
        Assert.Null(DevelopmentCertificate.Inspect(FakeValidator.Details, [FakeValidator.Details], open, []));
    }
}
