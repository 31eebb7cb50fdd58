using System.Text;
using Chariot.Abstractions.Topics;

namespace Chariot.Abstractions.Access;

/// <summary>
/// One ACL entry of one client: placeholders replaced, as UTF-8. All comparisons are iterative and allocate nothing.
/// </summary>
internal readonly struct AccessFilter
{
    private enum Shape : byte
    {
        /// <summary>No wildcard.</summary>
        Exact,
        /// <summary>Literal levels and a final <c>#</c>; <see cref="_literal"/> is what stands before <c>/#</c>.</summary>
        Prefix,
        /// <summary>Anything else; <see cref="_literal"/> is what stands before the first wildcard, to rule most topics out.</summary>
        General,
    }

    private readonly byte[] _filter;
    private readonly byte[] _literal;
    private readonly Shape _shape;

    private AccessFilter(string entry, int line, byte[] filter)
    {
        Entry = entry;
        Line = line;
        _filter = filter;
        var wildcard = filter.AsSpan().IndexOfAny((byte)'+', (byte)'#');
        _shape = wildcard < 0 ? Shape.Exact : wildcard > 0 && filter[wildcard] == '#' ? Shape.Prefix : Shape.General;
        _literal = _shape switch
        {
            Shape.Exact => filter,
            Shape.Prefix => filter[..(wildcard - 1)],
            _ => filter[..wildcard],
        };
    }

    /// <summary>The entry as configured, <c>!</c> and placeholders included.</summary>
    public string Entry { get; }

    /// <summary>Place in its ACL, from 1.</summary>
    public int Line { get; }

    /// <summary>
    /// Compiles <paramref name="filter"/> (an entry without its <c>!</c>). False when it can match nothing: a placeholder whose
    /// value is missing, empty, more than one level or a wildcard, or that would begin the topic with <c>$</c>; such topics
    /// are reached by literal entries only, else a client named <c>$SYS</c> would choose its own rights.
    /// </summary>
    public static bool TryCompile(string entry, ReadOnlySpan<char> filter, int line, string clientId, string? username, out AccessFilter compiled)
    {
        compiled = default;
        var text = new StringBuilder(filter.Length + clientId.Length);
        var firstPlaceholder = int.MaxValue;
        for (var i = 0; i < filter.Length; i++)
        {
            if (filter[i] != '%' || i + 1 == filter.Length || filter[i + 1] is not ('c' or 'u'))
            {
                text.Append(filter[i]);
                continue;
            }

            var value = filter[i + 1] == 'c' ? clientId : username;
            if (string.IsNullOrEmpty(value) || value.AsSpan().ContainsAny('+', '#', '/'))
            {
                return false;
            }

            firstPlaceholder = Math.Min(firstPlaceholder, i);
            text.Append(value);
            i++;
        }

        var slash = filter.IndexOf('/');
        var inFirstLevel = firstPlaceholder < (slash < 0 ? filter.Length : slash);
        if (inFirstLevel && text[0] == '$')
        {
            return false;
        }

        compiled = new AccessFilter(entry, line, Encoding.UTF8.GetBytes(text.ToString()));
        return true;
    }

    /// <summary>Whether a topic name matches.</summary>
    public bool Matches(ReadOnlySpan<byte> topic) => _shape switch
    {
        Shape.Exact => topic.SequenceEqual(_literal),
        // "sport/#" also matches "sport" (4.7.1.2).
        Shape.Prefix => topic.StartsWith(_literal) && (topic.Length == _literal.Length || topic[_literal.Length] == '/'),
        _ => topic.StartsWith(_literal) && TopicFilter.Matches(_filter, topic),
    };

    /// <summary>Whether every topic that matches <paramref name="requested"/> (a valid filter) matches this filter too.</summary>
    public bool Covers(ReadOnlySpan<byte> requested)
    {
        ReadOnlySpan<byte> own = _filter;
        // "+/#" matches every topic that "#" does, since it matches its parent level too.
        if (own.SequenceEqual("+/#"u8))
        {
            own = "#"u8;
        }

        for (var first = true; ; first = false)
        {
            var level = NextLevel(ref own, out var ownEnds);
            if (level.SequenceEqual("#"u8))
            {
                return !(first && requested[0] == '$');
            }

            var wanted = NextLevel(ref requested, out var requestedEnds);
            if (wanted.SequenceEqual("#"u8))
            {
                return false;
            }

            if (level.SequenceEqual("+"u8) ? first && wanted.Length > 0 && wanted[0] == '$' : !level.SequenceEqual(wanted))
            {
                return false;
            }

            if (requestedEnds)
            {
                return ownEnds || own.SequenceEqual("#"u8);
            }

            if (ownEnds)
            {
                return false;
            }
        }
    }

    /// <summary>Whether some topic matches both this filter and <paramref name="requested"/> (a valid filter).</summary>
    public bool Overlaps(ReadOnlySpan<byte> requested)
    {
        ReadOnlySpan<byte> own = _filter;
        // Topics that begin with $ match literal first levels only [MQTT-4.7.2-1].
        if (StartsWithWildcard(own) ? requested[0] == '$' : own[0] == '$' && StartsWithWildcard(requested))
        {
            return false;
        }

        while (true)
        {
            var level = NextLevel(ref own, out var ownEnds);
            var wanted = NextLevel(ref requested, out var requestedEnds);
            if (level.SequenceEqual("#"u8) || wanted.SequenceEqual("#"u8))
            {
                return true;
            }

            if (!level.SequenceEqual("+"u8) && !wanted.SequenceEqual("+"u8) && !level.SequenceEqual(wanted))
            {
                return false;
            }

            if (ownEnds || requestedEnds)
            {
                return (ownEnds || own.SequenceEqual("#"u8)) && (requestedEnds || requested.SequenceEqual("#"u8));
            }
        }
    }

    private static bool StartsWithWildcard(ReadOnlySpan<byte> filter) => filter[0] is (byte)'+' or (byte)'#';

    private static ReadOnlySpan<byte> NextLevel(ref ReadOnlySpan<byte> rest, out bool ends)
    {
        var slash = rest.IndexOf((byte)'/');
        ends = slash < 0;
        var level = ends ? rest : rest[..slash];
        rest = ends ? default : rest[(slash + 1)..];
        return level;
    }
}
