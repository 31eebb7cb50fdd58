using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Packets;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Links;

/// <summary>The peers of this edge, and what is sent to them. Alone in the cluster it is empty and costs nothing.</summary>
internal sealed class PeerSet(TimeProvider time)
{
    [ThreadStatic]
    private static byte[]? t_item;

    private readonly Lock _gate = new();
    private volatile Peer[] _all = [];

    /// <summary>How long a SUBSCRIBE waits for the peers.</summary>
    public static TimeSpan BarrierLimit { get; } = TimeSpan.FromSeconds(10);

    public Peer[] All => _all;

    public void Add(Peer peer)
    {
        lock (_gate)
        {
            _all = [.. _all, peer];
        }
    }

    public void Remove(Peer peer)
    {
        lock (_gate)
        {
            _all = [.. _all.Where(other => other != peer)];
        }
    }

    /// <summary>
    /// Completes with true when every peer knows the routes of this edge as they are now, false when one does not after
    /// <see cref="BarrierLimit"/>. Peers that die meanwhile do not count.
    /// </summary>
    public async ValueTask<bool> WhenRoutesKnownAsync(bool withRetained)
    {
        var peers = _all;
        if (peers.Length == 0)
        {
            return true;
        }

        using var limit = new CancellationTokenSource(BarrierLimit, time);
        try
        {
            await Task.WhenAll(peers.Select(peer => WhenRoutesKnownAsync(peer, withRetained))).WaitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Completes when everything that any peer had matched before has been applied here.</summary>
    public async Task FenceAsync()
    {
        foreach (var reached in Array.ConvertAll(_all, peer => peer.FenceAsync()))
        {
            await reached;
        }
    }

    /// <summary>Returns when no message of a peer is being delivered that was before.</summary>
    public void WaitForBatches()
    {
        foreach (var peer in _all)
        {
            peer.Batch.WaitForBatch();
        }
    }

    /// <summary>A QoS 0 PUBLISH to the silos that match it; dropped where too much waits already.</summary>
    public static void Forward(Peer[] peers, string publisher, List<string>? shares, scoped ReadOnlySpan<byte> packet, FlushBatch batch)
    {
        var item = WriteItem(LinkMessageFlags.Deliver, 0, publisher, shares, packet);
        foreach (var peer in peers)
        {
            if (peer.Data.Bytes > Peer.MaximumDataBytes || !peer.Data.Append(item))
            {
                batch.Dropped++;
                continue;
            }

            batch.Touch(peer);
        }
    }

    /// <summary>
    /// A message to the silos that match it, and a retained one to all: each silo of QoS 1 and 2 counts on the job's ticket until it
    /// has settled. False when it goes nowhere.
    /// </summary>
    public bool Forward(PublishJob job, MatchSet match, bool retain, long now, FlushBatch batch)
    {
        var peers = retain ? _all : match.Remotes;
        var any = match.Remotes.Length > 0;
        if (peers.Length > 0)
        {
            var flags = LinkMessageFlags.Deliver | (retain ? LinkMessageFlags.Retain : LinkMessageFlags.None);
            foreach (var peer in peers)
            {
                Send(peer, job, flags, null, now, batch);
            }
        }

        foreach (var (peer, shares) in job.SharesElsewhere ?? [])
        {
            any = true;
            Send(peer, job, LinkMessageFlags.None, shares, now, batch);
        }

        return any;
    }

    /// <summary>Hands one retained message to a peer that has just joined.</summary>
    public static void SendRetained(Peer peer, ApplicationMessage message, long now) =>
        peer.Data.Append(WriteItem(LinkMessageFlags.Retain, message.Id, message.Publisher, null, Encode(message, now)));

    public static void Send(Peer peer, PublishJob job, LinkMessageFlags flags, List<string>? shares, long now, FlushBatch batch)
    {
        var message = job.Message;
        var settleId = 0UL;
        if (message.QualityOfService != QualityOfService.AtMostOnce)
        {
            var publish = new RemotePublish(job.TicketForTarget(), message, flags, shares);
            settleId = peer.Track(publish);
            if (settleId == 0)
            {
                if (shares is not null || !peer.TryHold(publish))
                {
                    publish.Ticket?.Complete(batch);
                }

                return;
            }
        }

        Send(peer, message, settleId, flags, shares, now, batch);
    }

    public static void Send(Peer peer, ApplicationMessage message, ulong settleId, LinkMessageFlags flags, List<string>? shares, long now, FlushBatch batch)
    {
        if (settleId == 0 && peer.Data.Bytes > Peer.MaximumDataBytes && (flags & LinkMessageFlags.Retain) == 0)
        {
            batch.Dropped++;
            return;
        }

        var item = WriteItem(flags, message.Id, message.Publisher, shares, Encode(message, now));
        LinkMessage.SetSettleId(item, settleId);
        peer.Data.Append(item);
        batch.Touch(peer);
    }

    private static ReadOnlySpan<byte> Encode(ApplicationMessage message, long now) =>
        PublishEncoder.Current.Encode(message, now, ProtocolVersion.V500, message.QualityOfService, message.Retain, AliasUse.None, [], out _, out _);

    private static Span<byte> WriteItem(LinkMessageFlags flags, long id, string publisher, List<string>? shares, scoped ReadOnlySpan<byte> packet)
    {
        var item = t_item ?? [];
        var length = LinkMessage.Write(ref item, flags, 0, id, publisher, shares, packet);
        t_item = item.Length <= LinkFrame.MaximumItems * 4 ? item : null;
        return item.AsSpan(0, length);
    }

    private static async Task WhenRoutesKnownAsync(Peer peer, bool withRetained)
    {
        var known = peer.Control.WhenAppliedAsync();
        peer.Pump();
        var items = await known;
        if (withRetained)
        {
            await peer.DataIn.WhenAppliedAsync(items);
        }
    }
}
