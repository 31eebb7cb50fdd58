using System.Collections.Immutable;
using Orleans.Runtime;
using Orleans.Services;

namespace Chariot.Abstractions.Edges;

/// <summary>
/// One per silo: where the edges of other silos deliver their frames. Apart from <see cref="IEdgeLink"/>, so that traffic never
/// stands in front of a command.
/// </summary>
[Alias("chariot.peer-edge.v1")]
public interface IPeerEdge : IGrainService
{
    /// <summary>
    /// A frame of <paramref name="source"/>; answered when it and everything before it on its lane has been applied. A frame that
    /// was applied before is answered again and not applied again. An unanswered call says nothing: the same frame is sent again.
    /// </summary>
    [Alias("Frame"), ResponseTimeout("00:00:05")] Task<LinkReply> FrameAsync(SiloAddress source, LinkFrameBytes frame);

    /// <summary>
    /// <paramref name="source"/> is about to serve clients: from now on it is told of every route and retained message, those there
    /// are included.
    /// </summary>
    [Alias("Hello")] Task HelloAsync(SiloAddress source);

    /// <summary>
    /// Lets go of a session that <paramref name="source"/> now owns under <paramref name="epoch"/> and whose routes all silos know:
    /// when this answers, everything that was published before is in the store or was dropped with <paramref name="discard"/>.
    /// Null when the session is not here.
    /// </summary>
    [Alias("Release"), ResponseTimeout("00:00:15")] Task<ReleasedSession?> ReleaseAsync(SiloAddress source, string clientId, long epoch, bool discard);

    /// <summary>
    /// Takes over the durable sessions of <paramref name="partition"/> whose records name one of <paramref name="owners"/>, all of
    /// them gone. When it answers, their routes are known everywhere. What is held already is left alone.
    /// </summary>
    [Alias("Adopt"), ResponseTimeout("00:02:00")] Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch);
}

/// <param name="Owner">Silo in the records.</param>
/// <param name="Holders">Silos, all gone, that held its sessions since: what was under way to them is sent to the adopter.</param>
[GenerateSerializer, Immutable, Alias("chariot.lost-owner.v1")]
public sealed record LostOwner([property: Id(0)] SiloAddress Owner, [property: Id(1)] ImmutableArray<SiloAddress> Holders);

/// <summary>A frame as it travels: header and items in the edges' own encoding, at most 64 KiB of items.</summary>
[GenerateSerializer, Immutable, Alias("chariot.link-frame.v1")]
public readonly record struct LinkFrameBytes([property: Id(0)] ReadOnlyMemory<byte> Bytes);

/// <param name="Status">Anything but Applied: the frame counts as not delivered.</param>
/// <param name="DataItems">Items that the answering silo had put on its own data lane to the asking one.</param>
[GenerateSerializer, Immutable, Alias("chariot.link-reply.v1")]
public readonly record struct LinkReply([property: Id(0)] LinkStatus Status, [property: Id(1)] long DataItems);

[GenerateSerializer, Alias("chariot.link-status.v1")]
public enum LinkStatus : byte
{
    Applied = 0,
    /// <summary>The header is of no version that the receiver reads.</summary>
    NotUnderstood = 1,
    /// <summary>The receiver holds the sender for dead.</summary>
    Refused = 2,
}

/// <summary>What the old owner of a session hands over; the rows are in the store.</summary>
/// <param name="Held">Ids of the messages that it stored since it gave the client up: the new owner may have got them too.</param>
/// <param name="Inbound">QoS 2 packet ids that its client has not released.</param>
[GenerateSerializer, Immutable, Alias("chariot.released-session.v1")]
public sealed record ReleasedSession(
    [property: Id(0)] long SessionId,
    [property: Id(1)] long Count,
    [property: Id(2)] long Bytes,
    [property: Id(3)] long HighestSequence,
    [property: Id(4)] ImmutableArray<long> Held,
    [property: Id(5)] ImmutableArray<ushort> Inbound);

/// <summary>One way to one other edge. Never calls the receiver on the caller's stack.</summary>
public interface IPeerLink
{
    Task<LinkReply> SendAsync(ReadOnlyMemory<byte> frame);

    Task HelloAsync();

    Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard);

    Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch);
}

/// <summary>The other edges of the cluster, as membership has them.</summary>
public interface IPeerLinks
{
    SiloAddress Local { get; }

    PeerView Current { get; }

    /// <summary>The view now and every later one, in order.</summary>
    IAsyncEnumerable<PeerView> WatchAsync(CancellationToken cancellationToken);

    IPeerLink Get(SiloAddress silo);
}

/// <summary>What the edge of this process offers to its peers.</summary>
public interface IPeerNode
{
    Task<LinkReply> FrameAsync(SiloAddress source, ReadOnlyMemory<byte> frame);

    Task HelloAsync(SiloAddress source);

    Task<ReleasedSession?> ReleaseAsync(SiloAddress source, string clientId, long epoch, bool discard);

    Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch);
}

/// <param name="Active">Silos that serve, this one included.</param>
/// <param name="Dead">Silos that never come back under this address.</param>
public sealed record PeerView(long Version, ImmutableHashSet<SiloAddress> Active, ImmutableHashSet<SiloAddress> Dead);
