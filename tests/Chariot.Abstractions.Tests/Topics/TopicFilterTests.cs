using System.Text;
using Chariot.Abstractions.Topics;

namespace Chariot.Abstractions.Tests.Topics;

public class TopicFilterTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("/", true)]
    [InlineData("a//b", true)]
    [InlineData("$SYS/x", true)]
    [InlineData("a b", true)]
    [InlineData("", false)]
    [InlineData("a/+", false)]
    [InlineData("a#", false)]
    [InlineData("a\0", false)]
    [InlineData("1/2/3/4", true)]
    [InlineData("1/2/3/4/5", false)]
    [InlineData("0123456789", true)]
    [InlineData("0123456789a", false)]
    public void TopicNames(string topic, bool valid) =>
        Assert.Equal(valid, TopicFilter.IsValidTopicName(Encoding.UTF8.GetBytes(topic), 10, 4));

    [Theory]
    [InlineData("#", true)]
    [InlineData("+", true)]
    [InlineData("/", true)]
    [InlineData("a/+/#", true)]
    [InlineData("+/a/+", true)]
    [InlineData("", false)]
    [InlineData("#/a", false)]
    [InlineData("a#", false)]
    [InlineData("a/#/", false)]
    [InlineData("a+/b", false)]
    [InlineData("++", false)]
    [InlineData("##", false)]
    [InlineData("a\0", false)]
    [InlineData("1/2/3/4", true)]
    [InlineData("1/2/3/4/5", false)]
    [InlineData("$share/g/a/+", true)]
    [InlineData("$share/g/1/2/3/4", true)]
    [InlineData("$share/g/1/2/3/4/5", false)]
    [InlineData("$share", false)]
    [InlineData("$share/g", false)]
    [InlineData("$share/g/", false)]
    [InlineData("$share//a", false)]
    [InlineData("$share/g+/a", false)]
    [InlineData("$share/#/a", false)]
    [InlineData("$share/g/a#", false)]
    [InlineData("$shared", true)]
    [InlineData("äöüäöüäöüäöüäöüä", false)]
    public void Filters(string filter, bool valid) => Assert.Equal(valid, TopicFilter.IsValidFilter(filter, 30, 4));

    [Theory]
    [InlineData("$share/g/a/b", "g", "a/b")]
    [InlineData("$share/g//", "g", "/")]
    public void SharedFilters_AreSplit(string filter, string group, string inner)
    {
        Assert.True(TopicFilter.TrySplitShared(filter, out var actualGroup, out var actualInner));
        Assert.Equal(group, actualGroup.ToString());
        Assert.Equal(inner, actualInner.ToString());
    }

    [Theory]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true)]
    [InlineData("sport/#", "sport", true)]
    [InlineData("sport/+", "sport", false)]
    [InlineData("sport/+", "sport/", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1/ranking", false)]
    [InlineData("+/+", "/finance", true)]
    [InlineData("/+", "/finance", true)]
    [InlineData("+", "/finance", false)]
    [InlineData("+/tennis/#", "sport/tennis", true)]
    [InlineData("#", "$SYS/x", false)]
    [InlineData("+/x", "$SYS/x", false)]
    [InlineData("$SYS/#", "$SYS/x", true)]
    [InlineData("$SYS/+", "$SYS/x", true)]
    [InlineData("+/+/#", "a", false)]
    [InlineData("+/+/#", "a/b", true)]
    [InlineData("a/+/c", "a//c", true)]
    [InlineData("a", "a/", false)]
    public void Matches_FollowsSection47(string filter, string topic, bool matches) =>
        Assert.Equal(matches, TopicFilter.Matches(Encoding.UTF8.GetBytes(filter), Encoding.UTF8.GetBytes(topic)));
}
