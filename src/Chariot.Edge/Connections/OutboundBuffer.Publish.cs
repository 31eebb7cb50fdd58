using System.Buffers.Binary;

namespace Chariot.Edge.Connections;

/// <summary>What became of a PUBLISH that was to be appended.</summary>
internal enum AppendResult : byte
{
    Appended,

    /// <summary>The limits are reached, or the connection is closed: a QoS 0 message is dropped.</summary>
    Refused,

    /// <summary>The client has not been told the alias (any more): the topic must be written in full.</summary>
    AliasUnknown,
}

/// <summary>PUBLISH packets: copied in, with what is the subscriber's own written into the copy.</summary>
internal sealed partial class OutboundBuffer
{
    /// <summary>Null when the client takes no topic aliases. Set before the first PUBLISH.</summary>
    public TopicAliases? Aliases { get; set; }

    /// <summary>How the topic of the next PUBLISH is to be written. Only with <see cref="Aliases"/>.</summary>
    public AliasUse ChooseAlias(ReadOnlySpan<byte> topic, out ushort alias)
    {
        lock (_gate)
        {
            return Aliases!.Choose(topic, out alias);
        }
    }

    /// <summary>
    /// Appends a PUBLISH of QoS 0; false when the limits are reached (the message is dropped) or the connection is closed.
    /// <paramref name="firstTouch"/>: the caller must see to a <see cref="Flush"/> at the end of its batch.
    /// </summary>
    public bool TryAppend(ReadOnlySpan<byte> packet, out bool firstTouch)
    {
        lock (_gate)
        {
            firstTouch = false;
            if (IsFull(packet.Length))
            {
                return false;
            }

            packet.CopyTo(Reserve(packet.Length));
            firstTouch = Appended(packet.Length);
            return true;
        }
    }

    /// <summary>The same with a topic alias written into the copy.</summary>
    public AppendResult TryAppend(ReadOnlySpan<byte> packet, AliasPatch alias, out bool firstTouch)
    {
        lock (_gate)
        {
            firstTouch = false;
            if (IsFull(packet.Length))
            {
                return AppendResult.Refused;
            }

            if (!TryPatch(packet, alias, out _))
            {
                return AppendResult.AliasUnknown;
            }

            firstTouch = Appended(packet.Length);
            return AppendResult.Appended;
        }
    }

    /// <summary>
    /// Appends a QoS 1/2 PUBLISH with its packet id and DUP flag written into the copy. Never refused for its size: the window bounds
    /// how many there are.
    /// </summary>
    public AppendResult AppendDelivery(ReadOnlySpan<byte> packet, int packetIdOffset, ushort packetId, bool dup, AliasPatch alias, out bool firstTouch)
    {
        lock (_gate)
        {
            firstTouch = false;
            if (_closed || _closeWhenEmpty)
            {
                return AppendResult.Refused;
            }

            if (!TryPatch(packet, alias, out var room))
            {
                return AppendResult.AliasUnknown;
            }

            BinaryPrimitives.WriteUInt16BigEndian(room[packetIdOffset..], packetId);
            if (dup)
            {
                room[0] |= 0x08;
            }

            firstTouch = Appended(packet.Length);
            return AppendResult.Appended;
        }
    }

    /// <summary>Appends a QoS 1/2 PUBLISH without an alias; true when the caller must see to a flush.</summary>
    public bool AppendDelivery(ReadOnlySpan<byte> packet, int packetIdOffset, ushort packetId, bool dup)
    {
        AppendDelivery(packet, packetIdOffset, packetId, dup, default, out var firstTouch);
        return firstTouch;
    }

    /// <summary>
    /// Appends a packet whatever waits already: for a writer that has waited for room (<see cref="WhenHasRoomAsync"/>) and sends one at a
    /// time. True when the caller must see to a flush.
    /// </summary>
    public bool AppendAfterWaiting(ReadOnlySpan<byte> packet)
    {
        lock (_gate)
        {
            if (_closed || _closeWhenEmpty)
            {
                return false;
            }

            packet.CopyTo(Reserve(packet.Length));
            return Appended(packet.Length);
        }
    }

    private bool IsFull(int length) => _closed || _closeWhenEmpty || _fillLength + length > MaximumBytes || _fillPackets >= MaximumPackets;

    private bool TryPatch(ReadOnlySpan<byte> packet, AliasPatch alias, out Span<byte> room)
    {
        room = default;
        if (alias.Use == AliasUse.Known && !Aliases!.IsKnown(alias.Alias))
        {
            return false;
        }

        room = Reserve(packet.Length);
        packet.CopyTo(room);
        if (alias.Use != AliasUse.None)
        {
            BinaryPrimitives.WriteUInt16BigEndian(room[alias.Offset..], alias.Alias);
            Aliases!.Introduced(alias.Alias);
        }

        return true;
    }

    private bool Appended(int length)
    {
        _fillLength += length;
        _fillPackets++;
        var first = !_touched;
        _touched = true;
        return first;
    }
}
