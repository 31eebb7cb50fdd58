using System.Collections.Immutable;

namespace Chariot.Abstractions.Access;

/// <summary>
/// The publish and subscribe rights of one client, compiled: placeholders replaced, filters split into levels. Immutable and
/// safe to share between threads.
/// </summary>
public sealed class AccessControlList
{
    /// <summary>An anonymous client without a mapped credential: <c>#</c> both ways.</summary>
    public static readonly AccessControlList Everything = new();

    public static readonly AccessControlList Nothing = new();

    public static AccessControlList Compile(ImmutableArray<string> publishAcl, ImmutableArray<string> subscribeAcl, string clientId, string? username) => throw new NotSupportedException();

    /// <summary>Whether a PUBLISH (or will) to <paramref name="topic"/> (valid topic name, UTF-8) is allowed. Allocates nothing.</summary>
    public bool AllowsPublish(ReadOnlySpan<byte> topic) => throw new NotSupportedException();

    /// <summary>Whether a subscription to <paramref name="filter"/> (valid, may begin with <c>$share/group/</c>) is allowed.</summary>
    public bool AllowsSubscribe(string filter) => throw new NotSupportedException();
}
