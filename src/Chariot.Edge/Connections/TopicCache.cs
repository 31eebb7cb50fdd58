using System.IO.Hashing;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Connections;

/// <summary>
/// The topics that one connection has published to lately, each with the decision of its publish ACL: direct-mapped, from 16
/// slots to 4,096 as misses show that they are needed. A decision counts only for the <see cref="ClientAccess"/> it was made
/// under, so a changed ACL is asked again with the next PUBLISH.
/// </summary>
internal sealed class TopicCache
{
    private const int MaximumSlots = 4096;

    private Slot[] _slots = new Slot[16];
    private int _misses;

    public TopicEntry Find(ReadOnlySpan<byte> topic, ClientAccess access, RouteTable routes, out bool allowed)
    {
        var hash = XxHash3.HashToUInt64(topic);
        ref var slot = ref _slots[(int)hash & (_slots.Length - 1)];
        if (slot.Hash == hash && ReferenceEquals(slot.Access, access) && topic.SequenceEqual(slot.Entry.Topic))
        {
            allowed = slot.Allowed;
            return slot.Entry;
        }

        return Miss(topic, hash, access, routes, out allowed);
    }

    private TopicEntry Miss(ReadOnlySpan<byte> topic, ulong hash, ClientAccess access, RouteTable routes, out bool allowed)
    {
        if (++_misses > _slots.Length * 2 && _slots.Length < MaximumSlots)
        {
            Grow();
        }

        var entry = routes.GetTopic(topic);
        allowed = entry.IsValid && access.List.AllowsPublish(topic);
        _slots[(int)hash & (_slots.Length - 1)] = new Slot { Hash = hash, Entry = entry, Access = access, Allowed = allowed };
        return entry;
    }

    private void Grow()
    {
        var larger = new Slot[_slots.Length * 4];
        foreach (var slot in _slots)
        {
            if (slot.Entry is not null)
            {
                larger[(int)slot.Hash & (larger.Length - 1)] = slot;
            }
        }

        _slots = larger;
        _misses = 0;
    }

    private struct Slot
    {
        public ulong Hash;
        public TopicEntry Entry;
        public ClientAccess Access;
        public bool Allowed;
    }
}
