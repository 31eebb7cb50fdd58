using System.IO.Hashing;

namespace Chariot.Edge.Connections;

/// <summary>How the topic of an outgoing PUBLISH is written (5.0 section 3.3.2.3.4).</summary>
internal enum AliasUse : byte
{
    /// <summary>In full.</summary>
    None,

    /// <summary>In full, with the alias that stands for it from now on.</summary>
    Introduce,

    /// <summary>By its alias alone.</summary>
    Known,
}

/// <summary>Where in an encoded PUBLISH the alias is to be written, and which.</summary>
internal readonly record struct AliasPatch(AliasUse Use, ushort Alias, int Offset);

/// <summary>
/// Outbound topic aliases of one connection. First come, first served: a topic that is sent a second time gets the next free alias, and
/// keeps it as long as the connection lasts. Guarded by the gate of its <see cref="OutboundBuffer"/>, so that an alias is known to the
/// client exactly when the packet that introduces it is in front of those that use it.
/// </summary>
internal sealed class TopicAliases
{
    /// <summary>Aliases used at most, whatever the client offers: each costs the copy of a topic.</summary>
    private const int Maximum = 256;

    /// <summary>Bytes; the property has three, so that shorter topics gain nothing.</summary>
    private const int ShortestTopic = 4;

    private readonly byte[]?[] _topics;
    private readonly bool[] _known;
    private readonly Slot[] _slots;
    private int _count;

    private TopicAliases(int maximum)
    {
        _topics = new byte[]?[maximum + 1];
        _known = new bool[maximum + 1];
        _slots = new Slot[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)maximum * 4)];
    }

    /// <summary>Null when there are to be none.</summary>
    public static TopicAliases? Create(int maximum) => maximum <= 0 ? null : new TopicAliases(Math.Min(maximum, Maximum));

    /// <summary>How to write <paramref name="topic"/> next. Allocates only when it gives a new alias.</summary>
    public AliasUse Choose(ReadOnlySpan<byte> topic, out ushort alias)
    {
        alias = 0;
        if (topic.Length < ShortestTopic)
        {
            return AliasUse.None;
        }

        var hash = XxHash3.HashToUInt64(topic);
        ref var slot = ref _slots[(int)hash & (_slots.Length - 1)];
        if (slot.Alias != 0)
        {
            // Taken for good; another topic that falls on the same slot goes without.
            alias = slot.Alias;
            return slot.Hash != hash || !topic.SequenceEqual(_topics[alias]) ? AliasUse.None : _known[alias] ? AliasUse.Known : AliasUse.Introduce;
        }

        if (slot.Hash != hash || _count == _topics.Length - 1)
        {
            slot.Hash = hash;
            return AliasUse.None;
        }

        alias = slot.Alias = (ushort)++_count;
        _topics[alias] = topic.ToArray();
        return AliasUse.Introduce;
    }

    public bool IsKnown(ushort alias) => _known[alias];

    /// <summary>The packet that introduces it is on its way.</summary>
    public void Introduced(ushort alias) => _known[alias] = true;

    public ReadOnlySpan<byte> TopicOf(ushort alias) => _topics[alias];

    /// <summary>Packets of such topics were taken back: what introduced their aliases may be among them.</summary>
    public void Forget(PublishPredicate isDenied)
    {
        for (var alias = 1; alias <= _count; alias++)
        {
            _known[alias] &= !isDenied(_topics[alias]);
        }
    }

    private struct Slot
    {
        public ulong Hash;
        public ushort Alias;
    }
}
