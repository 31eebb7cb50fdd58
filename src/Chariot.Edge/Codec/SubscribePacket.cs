using System.Collections.Immutable;
using Chariot.Abstractions.Topics;

namespace Chariot.Edge.Codec;

/// <summary>
/// SUBSCRIBE (section 3.8). Filters are valid text and not empty; their wildcards are not judged here, because a bad filter is
/// refused by itself in SUBACK.
/// </summary>
internal sealed class SubscribePacket
{
    public required ushort PacketId { get; init; }

    /// <summary>At least one, in the client's order, each with the packet's Subscription Identifier.</summary>
    public required ImmutableArray<SubscriptionRecord> Subscriptions { get; init; }
}
