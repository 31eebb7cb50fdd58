using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;

namespace Chariot.Abstractions.Access;

/// <summary>
/// Syntax of an ACL: a list of topic filters with <c>+</c> and <c>#</c> as in MQTT, placeholders <c>%c</c> (client id) and
/// <c>%u</c> (username), and a leading <c>!</c> for a denial, which wins over any grant.
/// </summary>
public static class AccessRules
{
    /// <summary>Entries of one ACL. Each PUBLISH of a topic not seen before is compared with all of them.</summary>
    public const int MaximumEntries = 1000;

    /// <summary>One filter, UTF-8 bytes; the default of <see cref="MqttLimits.MaximumTopicLength"/>.</summary>
    public const int MaximumFilterLength = 1024;

    /// <summary>Levels of one filter; above any topic that the default limits let in.</summary>
    public const int MaximumFilterLevels = 128;

    /// <summary>All that is wrong with <paramref name="acl"/>; <paramref name="field"/> is its JSON name, e.g. <c>publishAcl</c>.</summary>
    public static IReadOnlyList<Finding> Validate(ImmutableArray<string> acl, string field)
    {
        var findings = new List<Finding>();
        if (acl.IsDefaultOrEmpty)
        {
            return findings;
        }

        if (acl.Length > MaximumEntries)
        {
            findings.Add(Error("acl.too-many", $"The list has {acl.Length} entries; at most {MaximumEntries} are allowed.", field, "Combine entries with + and #."));
            return findings;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < acl.Length; i++)
        {
            var place = $"{field}[{i}]";
            if (Judge(acl[i], place) is { } error)
            {
                findings.Add(error);
            }
            else if (!seen.Add(acl[i]))
            {
                findings.Add(new Finding("acl.duplicate", FindingSeverity.Warning, $"The entry {acl[i]} is in the list more than once.") { Field = place, Remedy = "Remove the repetition." });
            }
        }

        return findings;
    }

    /// <summary>
    /// Reads Chariot 1's form: entries <c>R filter</c> (subscribe), <c>W filter</c> (publish) or <c>RW filter</c>, separated by
    /// commas. False when an entry is of another form; the filters themselves are for <see cref="Validate"/> to judge.
    /// An empty text is two empty ACLs.
    /// </summary>
    public static bool TryParseLegacy(string text, out ImmutableArray<string> publishAcl, out ImmutableArray<string> subscribeAcl)
    {
        publishAcl = subscribeAcl = [];
        var publish = ImmutableArray.CreateBuilder<string>();
        var subscribe = ImmutableArray.CreateBuilder<string>();
        if (!string.IsNullOrWhiteSpace(text))
        {
            foreach (var part in text.Split(','))
            {
                var entry = part.Trim();
                var space = entry.IndexOf(' ', StringComparison.Ordinal);
                var rights = space < 0 ? "" : entry[..space].ToUpperInvariant();
                if (rights is not ("R" or "W" or "RW" or "WR"))
                {
                    return false;
                }

                var filter = entry[space..].TrimStart();
                if (rights.Contains('W', StringComparison.Ordinal))
                {
                    publish.Add(filter);
                }

                if (rights.Contains('R', StringComparison.Ordinal))
                {
                    subscribe.Add(filter);
                }
            }
        }

        publishAcl = publish.ToImmutable();
        subscribeAcl = subscribe.ToImmutable();
        return true;
    }

    /// <summary>Whether <paramref name="filter"/> (without its <c>!</c>) is one that an ACL can hold.</summary>
    internal static bool IsValid(ReadOnlySpan<char> filter) =>
        TopicFilter.IsValidFilter(filter, MaximumFilterLength, MaximumFilterLevels) && !IsShared(filter);

    private static Finding? Judge(string? entry, string place)
    {
        var filter = entry.AsSpan(entry is ['!', ..] ? 1 : 0);
        if (filter.IsWhiteSpace())
        {
            return Error("acl.empty-filter", "The entry is empty.", place, "Remove it, or write a topic filter such as plant/#.");
        }

        if (IsShared(filter))
        {
            return Error("acl.shared-filter", "An entry cannot begin with $share: shared subscriptions are judged on the filter behind the group.", place, "Write the filter without $share and group.");
        }

        return IsValid(filter)
            ? null
            : Error("acl.invalid-filter", $"The entry {entry} is not a valid topic filter of at most {MaximumFilterLength} bytes and {MaximumFilterLevels} levels.", place, "Use # only as the last level and + only as a whole level.");
    }

    private static bool IsShared(ReadOnlySpan<char> filter) => filter.SequenceEqual("$share") || filter.StartsWith("$share/");

    private static Finding Error(string code, string message, string field, string remedy) =>
        new(code, FindingSeverity.Error, message) { Field = field, Remedy = remedy };
}
