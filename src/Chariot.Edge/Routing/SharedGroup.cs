using System.IO.Hashing;
using System.Runtime.InteropServices;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Routing;

/// <summary>
/// One shared subscription, <c>$share/group/filter</c>, and what its choices remember from one message to the next, whatever the topic.
/// Members are guarded by the <see cref="RouteTable"/>.
/// </summary>
internal sealed class SharedGroup(string filter, SharedSubscriptions settings)
{
    /// <summary>Bit that tells a mark from a Subscription Identifier, which has 28 bits.</summary>
    private const uint MarkBit = 0x8000_0000;

    public readonly List<Subscription> Members = [];
    public uint Next;
    public volatile ClientSession? Sticky;

    /// <summary>Members that are away may hold messages that were never sent, for members that are there to fetch.</summary>
    public volatile bool HasBacklog;

    /// <summary>1 while somebody moves such messages.</summary>
    public int Moving;

    /// <summary>As the clients wrote it.</summary>
    public string Filter { get; } = filter;

    public SharedSubscriptionStrategy Strategy => settings.Strategy;

    /// <summary>
    /// Stands beside the Subscription Identifiers of a stored delivery and tells that it belongs to this group: after a restart, too,
    /// it can go to another member. 31 bits of a hash of the filter.
    /// </summary>
    public uint Mark { get; } = (uint)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(filter.AsSpan())) | MarkBit;

    /// <summary>Takes the mark out of what was stored; 0 when there is none.</summary>
    public static uint TakeMark(ref uint[] identifiers)
    {
        if (identifiers is not [.., var last] || (last & MarkBit) == 0)
        {
            return 0;
        }

        identifiers = identifiers[..^1];
        return last;
    }
}

/// <summary>How shared subscriptions choose; swapped with the configuration.</summary>
internal sealed class SharedSubscriptions
{
    public volatile SharedSubscriptionStrategy Strategy;
}
