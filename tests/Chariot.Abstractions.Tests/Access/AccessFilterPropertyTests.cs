using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Topics;

namespace Chariot.Abstractions.Tests.Access;

/// <summary>
/// Coverage and overlap against brute force: every filter and topic of up to three levels (topics four, so that "#" is told
/// from "+"), over an alphabet that has one name more in topics than in filters, so that "+" is told from any name. The empty
/// topic counts as one here: it cannot be published, and "/#" (whose parent it is) need not be told apart from "/+/#" for it.
/// </summary>
public class AccessFilterPropertyTests
{
    private static readonly string[] Filters = [.. Words(["a", "$b", "+", "#", ""], 3).Where(f => TopicFilter.IsValidFilter(f, 100, 10))];
    private static readonly byte[][] Topics = [.. Words(["a", "$b", "c", "$d", ""], 4).Select(Encoding.UTF8.GetBytes)];

    [Fact]
    public void Subscribe_IsAllowedExactlyWhenEveryMatchingTopicIsGranted()
    {
        foreach (var allow in Filters)
        {
            var granted = Matching(allow);
            var acl = AccessControlList.Compile([], [allow], "c", "u");
            foreach (var requested in Filters)
            {
                Assert.True(acl.AllowsSubscribe(requested) == Matching(requested).IsSubsetOf(granted), $"'{allow}' covers '{requested}'");
            }
        }
    }

    [Fact]
    public void Subscribe_IsDeniedExactlyWhenSomeMatchingTopicIsDenied()
    {
        foreach (var deny in Filters)
        {
            var denied = Matching(deny);
            foreach (var requested in Filters)
            {
                // The requested filter itself is the grant, so that only the denial decides.
                var acl = AccessControlList.Compile([], [requested, "!" + deny], "c", "u");
                Assert.True(acl.AllowsSubscribe(requested) != Matching(requested).Overlaps(denied), $"'{deny}' overlaps '{requested}'");
            }
        }
    }

    [Fact]
    public void Publish_AgreesWithTopicFilterMatches()
    {
        foreach (var filter in Filters)
        {
            var acl = AccessControlList.Compile([filter], [], "c", "u");
            var matching = Matching(filter);
            for (var i = 0; i < Topics.Length; i++)
            {
                if (Topics[i].Length == 0)
                {
                    continue;
                }

                Assert.True(acl.AllowsPublish(Topics[i]) == matching.Contains(i), $"'{filter}' and '{Encoding.UTF8.GetString(Topics[i])}'");
            }
        }
    }

    private static readonly Dictionary<string, HashSet<int>> Matches = Filters.ToDictionary(
        f => f,
        f => Enumerable.Range(0, Topics.Length).Where(i => NaiveMatch(f, Encoding.UTF8.GetString(Topics[i]))).ToHashSet());

    private static HashSet<int> Matching(string filter) => Matches[filter];

    // Section 4.7 word for word, independent of the code under test.
    private static bool NaiveMatch(string filter, string topic)
    {
        if (topic.StartsWith('$') && filter[0] is ('+' or '#'))
        {
            return false;
        }

        var f = filter.Split('/');
        var t = topic.Split('/');
        var levels = f[^1] == "#" ? f.Length - 1 : f.Length;
        return (f[^1] == "#" ? t.Length >= levels : t.Length == levels)
            && Enumerable.Range(0, levels).All(i => f[i] == "+" || f[i] == t[i]);
    }

    private static IEnumerable<string> Words(string[] alphabet, int maximumLevels)
    {
        IEnumerable<string> words = alphabet;
        for (var levels = 1; levels <= maximumLevels; levels++)
        {
            foreach (var word in words)
            {
                yield return word;
            }

            words = [.. words.SelectMany(word => alphabet.Select(level => $"{word}/{level}"))];
        }
    }
}
