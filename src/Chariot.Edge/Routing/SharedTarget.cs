using System.IO.Hashing;
using System.Runtime.InteropServices;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Links;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Routing;

/// <summary>A message that a shared subscription is to give to one of its members.</summary>
/// <param name="Size">Bytes of the packet, roughly: a member that takes no packet of that size is left out (section 3.1.2.11.4).</param>
internal readonly ref struct ShareRequest(ReadOnlySpan<char> publisher, ReadOnlySpan<byte> topic, int size)
{
    public readonly ReadOnlySpan<byte> Topic = topic;
    public readonly ReadOnlySpan<char> Publisher = publisher;
    public readonly int Size = size;

    /// <summary>A member that does not get it: the one that it comes from.</summary>
    public ClientSession? Except { get; init; }

    /// <summary>Only connected members whose session outlives their connection.</summary>
    public bool OnlyLiveDurable { get; init; }
}

/// <summary>
/// Members of one shared subscription that match a topic; each message goes to one of them. Members that are connected come first, those
/// with room in their window before the others; a durable member that is away gets a message only when no member is connected.
/// </summary>
internal sealed class SharedTarget(SharedGroup group, Target[] members)
{
    /// <summary>Members looked at to find the least loaded one; a larger group is sampled.</summary>
    private const int Sample = 16;

    public SharedGroup Group { get; } = group;

    /// <summary>Those on this silo.</summary>
    public Target[] Members { get; } = members;

    /// <summary>The filter with its <c>$share/group/</c> prefix.</summary>
    public string Key => Group.Filter;

    /// <summary>Other silos with members; null when there are none.</summary>
    public SharedPeers? Peers { get; set; }

    /// <summary>The silo whose turn it is; null for this one. With nobody here who is connected, always another one if there is one.</summary>
    public Peer? ChoosePeer() =>
        Peers is null ? null : Peers.Choose(Members.Length) ?? (Array.Exists(Members, member => member.Session.Connection is not null) ? null : Peers.Other(null));

    /// <summary>Null when there is no member that it can go to. Allocates nothing.</summary>
    public Target? Choose(in ShareRequest request)
    {
        if (Members.Length == 0)
        {
            return null;
        }

        // One member, not looked at twice: the commonest group while another is being set up or rolled out.
        var start = (int)(Interlocked.Increment(ref Group.Next) % (uint)Members.Length);
        return Group.Strategy switch
        {
            SharedSubscriptionStrategy.RoundRobin => InTurn(request, start),
            SharedSubscriptionStrategy.HashByClient => Highest(request, Hash(MemoryMarshal.AsBytes(request.Publisher))),
            SharedSubscriptionStrategy.HashByTopic => Highest(request, Hash(request.Topic)),
            SharedSubscriptionStrategy.Sticky => Stick(request, start),
            _ => LeastLoaded(request, start),
        } ?? (request.OnlyLiveDurable ? null : Away(request, start));
    }

    private Target? InTurn(in ShareRequest request, int start)
    {
        Target? full = null;
        for (var i = 0; i < Members.Length; i++)
        {
            var member = At(start + i);
            if (!CanTake(member, request))
            {
                continue;
            }

            if (member.Session.HasHeadroom)
            {
                return member;
            }

            full ??= member;
        }

        return full;
    }

    private Target? LeastLoaded(in ShareRequest request, int start)
    {
        Target? best = null;
        Target? full = null;
        var (bestLoad, fullLoad) = (long.MaxValue, long.MaxValue);
        for (var i = 0; i < Members.Length && !(i >= Sample && best is not null); i++)
        {
            var member = At(start + i);
            if (!CanTake(member, request))
            {
                continue;
            }

            var load = member.Session.Load;
            if (member.Session.HasHeadroom)
            {
                (best, bestLoad) = load < bestLoad ? (member, load) : (best, bestLoad);
            }
            else
            {
                (full, fullLoad) = load < fullLoad ? (member, load) : (full, fullLoad);
            }
        }

        return best ?? full;
    }

    private Target? Stick(in ShareRequest request, int start)
    {
        Target? held = null;
        var sticky = Group.Sticky;
        foreach (var member in Members)
        {
            if (ReferenceEquals(member.Session, sticky) && CanTake(member, request))
            {
                held = member;
                break;
            }
        }

        if (held is not null && held.Session.HasHeadroom)
        {
            return held;
        }

        var other = LeastLoaded(request, start);
        if (other is null || (held is not null && !other.Session.HasHeadroom))
        {
            return held;
        }

        Group.Sticky = other.Session;
        return other;
    }

    /// <summary>Rendezvous hashing: when a member comes or goes, only what is its own moves.</summary>
    private Target? Highest(in ShareRequest request, ulong key)
    {
        Target? chosen = null;
        var highest = 0UL;
        foreach (var member in Members)
        {
            if (CanTake(member, request))
            {
                var weight = Mix(key ^ member.Session.Hash);
                if (chosen is null || weight > highest)
                {
                    (chosen, highest) = (member, weight);
                }
            }
        }

        return chosen;
    }

    private Target? Away(in ShareRequest request, int start)
    {
        Target? chosen = null;
        for (var i = 0; i < Members.Length; i++)
        {
            var member = At(start + i);
            if (ReferenceEquals(member.Session, request.Except))
            {
                continue;
            }

            if (member.Session.Connection is { } connection)
            {
                // It has come since it was looked at; or it takes no packet of this size, and nobody who is away gets what it could not.
                return request.Size <= connection.MaximumPacketSize ? member : null;
            }

            chosen ??= member.Session is { IsDurable: true, Ended: false } ? member : null;
        }

        if (chosen is not null)
        {
            Group.HasBacklog = true;
        }

        return chosen;
    }

    private Target At(int index) => Members[index % Members.Length];

    private static bool CanTake(Target member, in ShareRequest request) =>
        member.Session.Connection is { } connection
        && request.Size <= connection.MaximumPacketSize
        && !ReferenceEquals(member.Session, request.Except)
        && !(request.OnlyLiveDurable && !(member.Session.IsDurable && member.Session.HasHeadroom));

    private static ulong Hash(ReadOnlySpan<byte> bytes) => XxHash3.HashToUInt64(bytes);

    // The finalizer of SplitMix64: every bit of the key decides every bit of the weight.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
