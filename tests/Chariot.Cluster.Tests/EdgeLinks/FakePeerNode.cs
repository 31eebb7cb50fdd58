using System.Collections.Concurrent;
using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Orleans.Runtime;

namespace Chariot.Cluster.Tests.EdgeLinks;

internal sealed class FakePeerNode : IPeerNode
{
    public ConcurrentQueue<(SiloAddress Source, byte[] Frame)> Frames { get; } = new();

    public ConcurrentQueue<SiloAddress> Greetings { get; } = new();

    public ConcurrentQueue<(int Partition, LostOwner Owner, long Epoch)> Adopted { get; } = new();

    public Task<LinkReply> FrameAsync(SiloAddress source, ReadOnlyMemory<byte> frame)
    {
        Frames.Enqueue((source, frame.ToArray()));
        return Task.FromResult(new LinkReply(LinkStatus.Applied, 41));
    }

    public Task HelloAsync(SiloAddress source)
    {
        Greetings.Enqueue(source);
        return Task.CompletedTask;
    }

    public Task<ReleasedSession?> ReleaseAsync(SiloAddress source, string clientId, long epoch, bool discard) =>
        Task.FromResult(clientId == "known" ? new ReleasedSession(7, 2, 30, epoch, [11, 12], [5]) : null);

    public Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch)
    {
        Adopted.Enqueue((partition, owners.Single(), epoch));
        return Task.CompletedTask;
    }
}
