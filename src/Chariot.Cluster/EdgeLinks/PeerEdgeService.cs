using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Chariot.Cluster.EdgeLinks;

/// <summary>
/// Where the edges of other silos deliver their frames. On the thread pool: the service's own scheduler runs one call at a time, and
/// the lanes keep their order themselves.
/// </summary>
internal sealed class PeerEdgeService(GrainId id, Silo silo, ILoggerFactory loggerFactory, IPeerNode node)
    : GrainService(id, silo, loggerFactory), IPeerEdge
{
    public Task<LinkReply> FrameAsync(SiloAddress source, LinkFrameBytes frame) => Task.Run(() => node.FrameAsync(source, frame.Bytes));

    public Task HelloAsync(SiloAddress source) => Task.Run(() => node.HelloAsync(source));

    public Task<ReleasedSession?> ReleaseAsync(SiloAddress source, string clientId, long epoch, bool discard) =>
        Task.Run(() => node.ReleaseAsync(source, clientId, epoch, discard));

    public Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch) => Task.Run(() => node.AdoptAsync(partition, owners, epoch));
}
