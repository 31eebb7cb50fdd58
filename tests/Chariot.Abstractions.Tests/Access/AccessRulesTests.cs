using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;

namespace Chariot.Abstractions.Tests.Access;

public class AccessRulesTests
{
    [Theory]
    [InlineData("a/#/b", "acl.invalid-filter")]
    [InlineData("a+", "acl.invalid-filter")]
    [InlineData("+%c", "acl.invalid-filter")]
    [InlineData("!a/b#", "acl.invalid-filter")]
    [InlineData("a\0b", "acl.invalid-filter")]
    [InlineData("", "acl.empty-filter")]
    [InlineData("  ", "acl.empty-filter")]
    [InlineData("!", "acl.empty-filter")]
    [InlineData("$share/g/a", "acl.shared-filter")]
    [InlineData("!$share/g/a", "acl.shared-filter")]
    public void Validate_NamesTheBadEntry(string entry, string code)
    {
        var finding = Assert.Single(AccessRules.Validate(["ok/#", "!ok/x", "dev/%c/+", entry], "publishAcl"));

        Assert.Equal(code, finding.Code);
        Assert.Equal("publishAcl[3]", finding.Field);
        Assert.Equal(FindingSeverity.Error, finding.Severity);
    }

    [Fact]
    public void Validate_ReportsAllFindingsAtOnce()
    {
        var findings = AccessRules.Validate(["#a", "ok", "", "ok"], "subscribeAcl");

        Assert.Equal(["subscribeAcl[0]", "subscribeAcl[2]", "subscribeAcl[3]"], findings.Select(f => f.Field));
        Assert.Equal(FindingSeverity.Warning, findings[2].Severity);
    }

    [Fact]
    public void Validate_BoundsTheListAndTheFilters()
    {
        Assert.Equal("acl.too-many", Assert.Single(AccessRules.Validate([.. Enumerable.Range(0, AccessRules.MaximumEntries + 1).Select(i => $"t/{i}")], "publishAcl")).Code);
        Assert.Equal("acl.invalid-filter", Assert.Single(AccessRules.Validate([new string('a', AccessRules.MaximumFilterLength + 1)], "publishAcl")).Code);
        Assert.Empty(AccessRules.Validate([], "publishAcl"));
        Assert.Empty(AccessRules.Validate(default, "publishAcl"));
    }

    [Theory]
    [InlineData("RW a/#,R b/#", "a/#", "a/# b/#")]
    [InlineData("RW #", "#", "#")]
    [InlineData("W device_one/temp/#,R state/#", "device_one/temp/#", "state/#")]
    [InlineData("R STATE/PrimaryHostID, R spBv1.0/G/+/E/#", "", "STATE/PrimaryHostID spBv1.0/G/+/E/#")]
    [InlineData("rw a", "a", "a")]
    [InlineData("", "", "")]
    public void TryParseLegacy_ReadsTheFirstChariotsForm(string text, string publish, string subscribe)
    {
        Assert.True(AccessRules.TryParseLegacy(text, out var publishAcl, out var subscribeAcl));

        Assert.Equal(publish, string.Join(' ', publishAcl));
        Assert.Equal(subscribe, string.Join(' ', subscribeAcl));
    }

    [Theory]
    [InlineData("X a")]
    [InlineData("a/#")]
    [InlineData("R a,")]
    [InlineData("RW")]
    [InlineData("R a,b")]
    public void TryParseLegacy_RefusesOtherForms(string text)
    {
        Assert.False(AccessRules.TryParseLegacy(text, out var publishAcl, out var subscribeAcl));
        Assert.Empty(publishAcl);
        Assert.Empty(subscribeAcl);
    }
}
