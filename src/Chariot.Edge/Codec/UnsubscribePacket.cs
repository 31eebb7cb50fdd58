using System.Collections.Immutable;

namespace Chariot.Edge.Codec;

/// <summary>UNSUBSCRIBE (section 3.10).</summary>
internal sealed class UnsubscribePacket
{
    public required ushort PacketId { get; init; }

    /// <summary>At least one, in the client's order; valid text, not empty.</summary>
    public required ImmutableArray<string> Filters { get; init; }
}
