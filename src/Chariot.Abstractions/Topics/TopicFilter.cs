namespace Chariot.Abstractions.Topics;

/// <summary>Rules of topic names and topic filters (3.1.1 and 5.0, section 4.7), on UTF-8 bytes and strings.</summary>
public static class TopicFilter
{
    /// <summary>Valid topic name: not empty, no wildcard, no U+0000, within the limits.</summary>
    public static bool IsValidTopicName(ReadOnlySpan<byte> topic, int maximumLength, int maximumLevels)
    {
        if (topic.IsEmpty || topic.Length > maximumLength || topic.IndexOfAny((byte)'+', (byte)'#', (byte)0) >= 0)
        {
            return false;
        }

        return topic.Count((byte)'/') < maximumLevels;
    }

    /// <summary>
    /// Valid topic filter: <c>#</c> only as the last whole level, <c>+</c> only as a whole level [MQTT-4.7.1-1], [MQTT-4.7.1-2];
    /// a <c>$share/group/</c> prefix must have a group without wildcards and a filter behind it [MQTT-4.8.2-1], [MQTT-4.8.2-2].
    /// </summary>
    public static bool IsValidFilter(ReadOnlySpan<char> filter, int maximumLength, int maximumLevels)
    {
        if (filter.IsEmpty || filter.Contains('\0') || System.Text.Encoding.UTF8.GetByteCount(filter) > maximumLength)
        {
            return false;
        }

        if (filter.StartsWith("$share/") || filter.SequenceEqual("$share"))
        {
            if (!TrySplitShared(filter, out _, out filter))
            {
                return false;
            }
        }

        if (filter.Count('/') >= maximumLevels)
        {
            return false;
        }

        for (var i = 0; i < filter.Length; i++)
        {
            var ownLevel = (i == 0 || filter[i - 1] == '/') && (i + 1 == filter.Length || filter[i + 1] == '/');
            if ((filter[i] == '+' && !ownLevel) || (filter[i] == '#' && (!ownLevel || i + 1 != filter.Length)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Splits <c>$share/group/filter</c>; false when it is not of that form.</summary>
    public static bool TrySplitShared(ReadOnlySpan<char> filter, out ReadOnlySpan<char> group, out ReadOnlySpan<char> inner)
    {
        group = inner = default;
        if (!filter.StartsWith("$share/"))
        {
            return false;
        }

        var rest = filter["$share/".Length..];
        var slash = rest.IndexOf('/');
        if (slash <= 0 || slash + 1 >= rest.Length || rest[..slash].IndexOfAny('+', '#') >= 0)
        {
            return false;
        }

        group = rest[..slash];
        inner = rest[(slash + 1)..];
        return true;
    }

    /// <summary>
    /// Whether <paramref name="topic"/> matches <paramref name="filter"/> (both valid, no <c>$share</c>). Wildcards in the first
    /// level do not match topics that begin with <c>$</c> [MQTT-4.7.2-1]. Iterative: no input can exhaust the stack.
    /// </summary>
    public static bool Matches(ReadOnlySpan<byte> filter, ReadOnlySpan<byte> topic)
    {
        if (topic.Length > 0 && topic[0] == '$' && filter.Length > 0 && filter[0] is (byte)'+' or (byte)'#')
        {
            return false;
        }

        while (true)
        {
            var filterEnd = filter.IndexOf((byte)'/');
            var level = filterEnd < 0 ? filter : filter[..filterEnd];
            if (level.Length == 1 && level[0] == '#')
            {
                return true;
            }

            var topicEnd = topic.IndexOf((byte)'/');
            var name = topicEnd < 0 ? topic : topic[..topicEnd];
            if (!(level.Length == 1 && level[0] == '+') && !level.SequenceEqual(name))
            {
                return false;
            }

            if (topicEnd < 0)
            {
                // "sport/#" also matches "sport" (4.7.1.2).
                return filterEnd < 0 || (filter.Length == filterEnd + 2 && filter[filterEnd + 1] == '#');
            }

            if (filterEnd < 0)
            {
                return false;
            }

            filter = filter[(filterEnd + 1)..];
            topic = topic[(topicEnd + 1)..];
        }
    }
}
