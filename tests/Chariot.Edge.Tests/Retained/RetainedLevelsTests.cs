using System.Text;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Retained;

namespace Chariot.Edge.Tests.Retained;

public sealed class RetainedLevelsTests
{
    [Fact]
    public void LevelsBelow_AreThoseWithAMessageOnThemOrBelow()
    {
        var retained = new RetainedMessages();
        foreach (var topic in new[] { "a", "a/b", "a/b/c", "a/d/e", "/x", "$SYS/y" })
        {
            Assert.True(retained.Set(new ApplicationMessage { Id = 1, Topic = Encoding.UTF8.GetBytes(topic), Payload = "p"u8.ToArray(), QualityOfService = QualityOfService.AtLeastOnce }, maximum: 100));
        }

        Assert.Equal([new("", false, 1), new("$SYS", false, 1), new("a", true, 2)], Below(null));
        Assert.Equal([new("b", true, 1), new("d", false, 1)], Below("a"));
        Assert.Equal([new("x", true, 0)], Below(""));
        Assert.Empty(Below("a/b/c"));
        Assert.Empty(Below("nowhere"));
        Assert.True(retained.Remove("a/d/e"u8));
        Assert.Equal([new("b", true, 1)], Below("a"));

        IEnumerable<RetainedLevel> Below(string? topic) => retained.LevelsBelow(topic is null ? null : Encoding.UTF8.GetBytes(topic)).OrderBy(l => l.Name, StringComparer.Ordinal);
    }
}
