using Chariot.Edge.Links;

namespace Chariot.Edge.Routing;

/// <summary>A filter that other silos have subscribers to. Guarded by the <see cref="RouteTable"/>; its arrays are replaced, never changed.</summary>
internal sealed class RemoteRoute(byte[] filter, string? shareKey)
{
    /// <summary>Without a <c>$share</c> prefix.</summary>
    public byte[] Filter { get; } = filter;

    /// <summary>The filter with its prefix, for a shared subscription.</summary>
    public string? ShareKey { get; } = shareKey;

    public Peer[] Peers { get; private set; } = [];

    /// <summary>Members at each of <see cref="Peers"/>; of a filter that is not shared, 1 where a subscriber is durable, else 0.</summary>
    public int[] Members { get; private set; } = [];

    public void Set(Peer peer, int members)
    {
        var index = Array.IndexOf(Peers, peer);
        if (index < 0)
        {
            Peers = [.. Peers, peer];
            Members = [.. Members, members];
        }
        else if (Members[index] != members)
        {
            Members = [.. Members[..index], members, .. Members[(index + 1)..]];
        }
    }

    public int MembersAt(Peer peer) => Members[Array.IndexOf(Peers, peer)];

    /// <summary>True when no silo is left.</summary>
    public bool Remove(Peer peer)
    {
        var index = Array.IndexOf(Peers, peer);
        if (index >= 0)
        {
            Peers = [.. Peers[..index], .. Peers[(index + 1)..]];
            Members = [.. Members[..index], .. Members[(index + 1)..]];
        }

        return Peers.Length == 0;
    }
}

/// <summary>The other silos with members of one shared subscription.</summary>
internal sealed class SharedPeers(Peer[] peers, int[] members)
{
    // One count for all: each topic has a choice of its own, and many topics have one message.
    private static uint s_next;

    private readonly int _total = members.Sum();

    /// <summary>The silo whose turn it is, each as often as it has members; null for this one.</summary>
    public Peer? Choose(int localMembers)
    {
        var turn = (int)(Interlocked.Increment(ref s_next) % (uint)(_total + localMembers));
        for (var i = 0; i < peers.Length; i++)
        {
            if (turn < members[i])
            {
                return peers[i];
            }

            turn -= members[i];
        }

        return null;
    }

    /// <summary>Another silo than <paramref name="failed"/>; null when there is none.</summary>
    public Peer? Other(Peer? failed) => Array.Find(peers, peer => peer != failed);
}
