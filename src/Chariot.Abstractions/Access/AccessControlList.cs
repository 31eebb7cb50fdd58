using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions.Topics;

namespace Chariot.Abstractions.Access;

/// <summary>
/// The publish and subscribe rights of one client, compiled: placeholders replaced, as UTF-8. Immutable and safe to share
/// between threads. The syntax is that of <see cref="AccessRules"/>; what is not granted is denied.
/// </summary>
public sealed class AccessControlList
{
    private readonly Direction _publish;
    private readonly Direction _subscribe;

    private AccessControlList(Direction publish, Direction subscribe)
    {
        _publish = publish;
        _subscribe = subscribe;
    }

    /// <summary>An anonymous client without a mapped credential: <c>#</c> both ways.</summary>
    public static readonly AccessControlList Everything = Compile(["#"], ["#"], "", null);

    public static readonly AccessControlList Nothing = Compile([], [], "", null);

    /// <summary>
    /// Compiles both ACLs for one client. <c>%c</c> and <c>%u</c> stand for <paramref name="clientId"/> and
    /// <paramref name="username"/> literally and for one level; a value that is missing, or holds <c>+</c>, <c>#</c> or
    /// <c>/</c>, makes its entry match nothing. An entry that is not a valid filter grants nothing, and denies everything when
    /// it is a denial, so that a damaged record closes.
    /// </summary>
    public static AccessControlList Compile(ImmutableArray<string> publishAcl, ImmutableArray<string> subscribeAcl, string clientId, string? username) =>
        new(Direction.Compile(publishAcl, clientId, username), Direction.Compile(subscribeAcl, clientId, username));

    /// <summary>
    /// Whether a PUBLISH (or will) to <paramref name="topic"/> (valid topic name, UTF-8) is allowed. Allocates nothing. Topics
    /// that begin with <c>$</c> need a literal entry; <c>$SYS</c> and <c>$share</c> are the broker's own and always denied.
    /// </summary>
    public bool AllowsPublish(ReadOnlySpan<byte> topic)
    {
        if (topic.IsEmpty || IsReserved(topic))
        {
            return false;
        }

        foreach (ref readonly var filter in _publish.Deny.AsSpan())
        {
            if (filter.Matches(topic))
            {
                return false;
            }
        }

        foreach (ref readonly var filter in _publish.Allow.AsSpan())
        {
            if (filter.Matches(topic))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether a subscription to <paramref name="filter"/> (valid, may begin with <c>$share/group/</c>) is allowed: one entry
    /// covers all of it and no denial overlaps it.
    /// </summary>
    public bool AllowsSubscribe(string filter) => ExplainSubscribe(filter).Allowed;

    /// <summary><see cref="AllowsPublish"/> with the entry that decided.</summary>
    public AccessDecision ExplainPublish(ReadOnlySpan<byte> topic)
    {
        if (topic.IsEmpty || IsReserved(topic))
        {
            return default;
        }

        foreach (ref readonly var filter in _publish.Deny.AsSpan())
        {
            if (filter.Matches(topic))
            {
                return Decided(false, filter);
            }
        }

        foreach (ref readonly var filter in _publish.Allow.AsSpan())
        {
            if (filter.Matches(topic))
            {
                return Decided(true, filter);
            }
        }

        return default;
    }

    /// <summary><see cref="AllowsSubscribe"/> with the entry that decided.</summary>
    public AccessDecision ExplainSubscribe(string filter)
    {
        ReadOnlySpan<char> judged = filter;
        if (TopicFilter.TrySplitShared(filter, out _, out var inner))
        {
            judged = inner;
        }

        // "$share/g/$share/x" and a malformed "$share": nothing can ever be published there.
        if (judged.IsEmpty || judged.SequenceEqual("$share") || judged.StartsWith("$share/"))
        {
            return default;
        }

        var length = Encoding.UTF8.GetByteCount(judged);
        var requested = length <= 512 ? stackalloc byte[length] : new byte[length];
        Encoding.UTF8.GetBytes(judged, requested);
        foreach (ref readonly var deny in _subscribe.Deny.AsSpan())
        {
            if (deny.Overlaps(requested))
            {
                return Decided(false, deny);
            }
        }

        foreach (ref readonly var allow in _subscribe.Allow.AsSpan())
        {
            if (allow.Covers(requested))
            {
                return Decided(true, allow);
            }
        }

        return default;
    }

    private static AccessDecision Decided(bool allowed, in AccessFilter filter) => new(allowed, filter.Entry, filter.Line);

    private static bool IsReserved(ReadOnlySpan<byte> topic)
    {
        if (topic[0] != '$')
        {
            return false;
        }

        var slash = topic.IndexOf((byte)'/');
        var first = slash < 0 ? topic : topic[..slash];
        return first.SequenceEqual("$SYS"u8) || first.SequenceEqual("$share"u8);
    }

    private sealed record Direction(AccessFilter[] Allow, AccessFilter[] Deny)
    {
        private static readonly Direction None = new([], []);

        public static Direction Compile(ImmutableArray<string> acl, string clientId, string? username)
        {
            if (acl.IsDefaultOrEmpty)
            {
                return None;
            }

            var allow = new List<AccessFilter>(acl.Length);
            var deny = new List<AccessFilter>();
            for (var i = 0; i < acl.Length; i++)
            {
                var denies = acl[i].StartsWith('!');
                var filter = acl[i].AsSpan(denies ? 1 : 0);
                if (!AccessRules.IsValid(filter))
                {
                    if (denies)
                    {
                        return None;
                    }

                    continue;
                }

                if (AccessFilter.TryCompile(acl[i], filter, i + 1, clientId, username, out var compiled))
                {
                    (denies ? deny : allow).Add(compiled);
                }
            }

            return new Direction([.. allow], [.. deny]);
        }
    }
}
