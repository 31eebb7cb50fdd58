using System.Text;
using Chariot.Abstractions.Access;

namespace Chariot.Abstractions.Tests.Access;

public class AccessControlListTests
{
    [Theory]
    // Plain MQTT matching.
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "a/b/c", false)]
    [InlineData("a/b", "a", false)]
    [InlineData("a/b", "A/b", false)]
    [InlineData("a/+", "a/b", true)]
    [InlineData("a/+", "a/", true)]
    [InlineData("a/+", "a", false)]
    [InlineData("a/+", "a/b/c", false)]
    [InlineData("+", "a", true)]
    [InlineData("+", "/a", false)]
    [InlineData("+/+", "/a", true)]
    [InlineData("/+", "/a", true)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/#", "a/", true)]
    [InlineData("a/#", "a/b/c", true)]
    [InlineData("a/#", "ab", false)]
    [InlineData("/#", "/a", true)]
    [InlineData("/#", "a", false)]
    [InlineData("+/b/#", "a/b", true)]
    [InlineData("+/b/#", "a/c", false)]
    [InlineData("#", "a/b/c", true)]
    [InlineData("ä/ö", "ä/ö", true)]
    // Several entries; denials win wherever they stand.
    [InlineData("x a/#", "a/b", true)]
    [InlineData("!a/secret a/#", "a/secret", false)]
    [InlineData("a/# !a/secret", "a/secret", false)]
    [InlineData("a/# !a/secret", "a/secret/x", true)]
    [InlineData("a/# !a/+/x", "a/b/x", false)]
    [InlineData("!a", "b", false)]
    // $ topics: literal entries only, and never the broker's own.
    [InlineData("#", "$x", false)]
    [InlineData("#", "$CONTROL/y", false)]
    [InlineData("+/y", "$CONTROL/y", false)]
    [InlineData("$CONTROL/#", "$CONTROL/y", true)]
    [InlineData("$x", "$x", true)]
    [InlineData("# $SYS/#", "$SYS/broker", false)]
    [InlineData("$SYS", "$SYS", false)]
    [InlineData("$share/#", "$share/g/t", false)]
    [InlineData("$SYSTEM/#", "$SYSTEM/x", true)]
    [InlineData("$x/# !#", "$x/y", true)]
    [InlineData("a/#", "a/$SYS", true)]
    // Nothing grants nothing.
    [InlineData("", "a", false)]
    public void AllowsPublish_FollowsTheFilters(string acl, string topic, bool allowed)
    {
        var compiled = AccessControlList.Compile(Split(acl), ["#"], "device", "user");

        Assert.Equal(allowed, compiled.AllowsPublish(Encoding.UTF8.GetBytes(topic)));
        Assert.Equal(allowed, compiled.ExplainPublish(Encoding.UTF8.GetBytes(topic)).Allowed);
    }

    [Theory]
    [InlineData("dev/%c/#", "d1", "u", "dev/d1/x", true)]
    [InlineData("dev/%c/#", "d1", "u", "dev/d2/x", false)]
    [InlineData("dev/%c", "d1", "u", "dev/d1", true)]
    [InlineData("dev-%c/t", "d1", "u", "dev-d1/t", true)]
    [InlineData("%u/%c", "d1", "u", "u/d1", true)]
    [InlineData("%c%u", "d1", "u", "d1u", true)]
    [InlineData("%c", "d1", "u", "d1", true)]
    // A client id that looks like a pattern is text, or nothing at all.
    [InlineData("dev/%c/#", "+", "u", "dev/x/y", false)]
    [InlineData("dev/%c/#", "+", "u", "dev/+/y", false)]
    [InlineData("dev/%c/#", "#", "u", "dev/x", false)]
    [InlineData("dev/%c/#", "a/b", "u", "dev/a/b/c", false)]
    [InlineData("dev/%c/#", "a+", "u", "dev/a+/c", false)]
    [InlineData("dev/%c/#", ".*", "u", "dev/.*/c", true)]
    [InlineData("dev/%c/#", ".*", "u", "dev/xx/c", false)]
    [InlineData("dev/%u/#", "d", "a/b", "dev/a/b/c", false)]
    [InlineData("dev/%u/#", "d", "#", "dev/x", false)]
    [InlineData("dev/%c", "%u", "victim", "dev/victim", false)]
    [InlineData("dev/%c", "%u", "victim", "dev/%u", true)]
    [InlineData("dev/%c/#", "", "u", "dev//x", false)]
    // Anonymous has no username.
    [InlineData("dev/%u/#", "d", null, "dev//x", false)]
    [InlineData("dev/%u/#", "d", null, "dev/d/x", false)]
    [InlineData("dev/%c/#", "d", null, "dev/d/x", true)]
    // No client id opens a topic that begins with $.
    [InlineData("%c/#", "$x", "u", "$x/y", false)]
    [InlineData("$%c/#", "x", "u", "$x/y", false)]
    [InlineData("$x/%c", "d", "u", "$x/d", true)]
    [InlineData("%x/%", "d", "u", "%x/%", true)]
    public void Placeholders_StandForOneLevelLiterally(string acl, string clientId, string? username, string topic, bool allowed)
    {
        var compiled = AccessControlList.Compile([acl], [acl], clientId, username);

        Assert.Equal(allowed, compiled.AllowsPublish(Encoding.UTF8.GetBytes(topic)));
        Assert.Equal(allowed, compiled.AllowsSubscribe(topic));
    }

    [Theory]
    [InlineData("a/#", "a/+/b", true)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/#", "a/#", true)]
    [InlineData("a/#", "a/b/#", true)]
    [InlineData("a/b/#", "a/#", false)]
    [InlineData("a/#", "#", false)]
    [InlineData("a/#", "+/b", false)]
    [InlineData("a/+", "+/b", false)]
    [InlineData("a/+", "a/#", false)]
    [InlineData("a/+", "a/+", true)]
    [InlineData("a/b", "a/+", false)]
    [InlineData("+/+", "a/+", true)]
    [InlineData("+", "a", true)]
    [InlineData("+/#", "#", true)]
    [InlineData("#", "+/#", true)]
    [InlineData("a/+/#", "a/#", false)]
    // One entry must cover it all.
    [InlineData("a/b a/c", "a/+", false)]
    [InlineData("b a/#", "a/b", true)]
    // Denials.
    [InlineData("a/# !a/secret", "a/#", false)]
    [InlineData("a/# !a/secret", "a/+", false)]
    [InlineData("a/# !a/secret", "a/b", true)]
    [InlineData("a/# !a/secret/#", "a/secret", false)]
    [InlineData("a/# !+/b", "a/b/c", true)]
    [InlineData("a/# !+/b", "a/b/#", false)]
    [InlineData("# !$SYS/#", "#", true)]
    [InlineData("# !#", "a", false)]
    [InlineData("$SYS/# !#", "$SYS/broker", true)]
    [InlineData("$SYS/# !$SYS/secret", "$SYS/+", false)]
    // $ topics.
    [InlineData("#", "$SYS/#", false)]
    [InlineData("#", "+/x", true)]
    [InlineData("+/x", "$SYS/x", false)]
    [InlineData("$SYS/#", "$SYS/broker/+", true)]
    [InlineData("# $SYS/#", "$SYS/#", true)]
    // Shared subscriptions are judged on the filter behind the group.
    [InlineData("a/#", "$share/g/a/b", true)]
    [InlineData("a/#", "$share/g/secret/#", false)]
    [InlineData("#", "$share/g/#", true)]
    [InlineData("#", "$share/g/$SYS/#", false)]
    [InlineData("# !secret/#", "$share/g/secret/x", false)]
    [InlineData("# $share/#", "$share/g/$share/x", false)]
    [InlineData("#", "$share", false)]
    [InlineData("#", "$share/g", false)]
    [InlineData("", "a", false)]
    public void AllowsSubscribe_WhenOneEntryCoversAllAndNoDenialOverlaps(string acl, string filter, bool allowed)
    {
        var compiled = AccessControlList.Compile([], Split(acl), "device", "user");

        Assert.Equal(allowed, compiled.AllowsSubscribe(filter));
    }

    [Fact]
    public void EmptyOrBlankLists_GrantNothing()
    {
        foreach (var acl in new[] { AccessControlList.Nothing, AccessControlList.Compile(default, default, "c", "u"), AccessControlList.Compile(["", " "], ["", " "], "c", "u") })
        {
            Assert.False(acl.AllowsPublish("a"u8));
            Assert.False(acl.AllowsSubscribe("a"));
        }
    }

    [Fact]
    public void Everything_IsHashBothWays()
    {
        Assert.True(AccessControlList.Everything.AllowsPublish("a/b"u8));
        Assert.True(AccessControlList.Everything.AllowsSubscribe("#"));
        Assert.False(AccessControlList.Everything.AllowsPublish("$SYS/x"u8));
        Assert.False(AccessControlList.Everything.AllowsSubscribe("$SYS/#"));
    }

    [Theory]
    [InlineData("a/#/b")]
    [InlineData("a+")]
    [InlineData("")]
    public void DamagedEntries_FailClosed(string damaged)
    {
        Assert.False(AccessControlList.Compile([damaged], [], "c", "u").AllowsPublish("a"u8));
        Assert.False(AccessControlList.Compile(["#", "!" + damaged], [], "c", "u").AllowsPublish("a"u8));
    }

    [Fact]
    public void Explain_NamesTheDecidingEntryAndItsLine()
    {
        var acl = AccessControlList.Compile(["x", "dev/%c/#", "!dev/+/secret"], ["a/#", "!a/b"], "d1", "u");

        Assert.Equal(new AccessDecision(true, "dev/%c/#", 2), acl.ExplainPublish("dev/d1/t"u8));
        Assert.Equal(new AccessDecision(false, "!dev/+/secret", 3), acl.ExplainPublish("dev/d1/secret"u8));
        Assert.Equal(new AccessDecision(false, null, null), acl.ExplainPublish("other"u8));
        Assert.Equal(new AccessDecision(true, "a/#", 1), acl.ExplainSubscribe("a/c"));
        Assert.Equal(new AccessDecision(false, "!a/b", 2), acl.ExplainSubscribe("$share/g/a/+"));
        Assert.Equal(new AccessDecision(false, null, null), acl.ExplainSubscribe("x/#"));
    }

    [Fact]
    public void AllowsPublish_AllocatesNothing()
    {
        var entries = Enumerable.Range(0, 18).Select(i => $"plant/line{i}/+/value").Append("!plant/+/secret").Append("plant/#");
        var acl = AccessControlList.Compile([.. entries], [], "c", "u");
        var topic = "plant/line99/cell/value"u8;
        Assert.True(acl.AllowsPublish(topic));

        var before = GC.GetAllocatedBytesForCurrentThread();
        var allowed = 0;
        for (var i = 0; i < 1000; i++)
        {
            allowed += acl.AllowsPublish(topic) ? 1 : 0;
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(1000, allowed);
    }

    [Fact]
    public void LongTopicsAndFilters_DoNotExhaustTheStack()
    {
        var deep = new string('/', 65_000);
        var wide = string.Join('/', Enumerable.Repeat("+", 100)) + "/#";
        var acl = AccessControlList.Compile([wide, "#"], [wide, "#", "!" + wide + "x"], "c", "u");

        Assert.True(acl.AllowsPublish(Encoding.UTF8.GetBytes(deep)));
        Assert.False(acl.AllowsSubscribe(deep));
    }

    private static System.Collections.Immutable.ImmutableArray<string> Split(string acl) =>
        [.. acl.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
}
