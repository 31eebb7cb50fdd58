using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Edge.Connections;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Orleans.Runtime;

namespace Chariot.Edge.Links;

/// <summary>
/// Keeps a <see cref="Peer"/> for each other silo: from the moment that membership calls it Active or it greets this one, until
/// membership calls it dead. Takes their frames.
/// </summary>
internal sealed class EdgePeers(
    IPeerLinks links,
    RouteTable routes,
    RetainedMessages retainedMessages,
    ConnectionRegistry connections,
    PeerDeliveries deliveries,
    SessionHandOver handOver,
    SessionAdoption adoptions,
    SessionServices services,
    ConfigurationLease lease,
    PeerLog log) : IPeerNode, IPeerReceiver, IAsyncDisposable
{
    private static readonly TimeSpan HelloAgain = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private readonly Dictionary<SiloAddress, Peer> _peers = [];
    private readonly HashSet<SiloAddress> _dead = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _watch = Task.CompletedTask;
    private int _disposed;

    /// <summary>How work is put off from under a lock; for tests.</summary>
    public Action<Action>? Schedule { get; init; }

    /// <summary>
    /// Greets every silo and completes when their routes and retained messages are here: from then on a message that is published
    /// on this silo reaches them.
    /// </summary>
    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        retainedMessages.RemembersCleared = true;
        _watch = WatchAsync();
        var view = links.Current;
        await Task.WhenAll(view.Active.Where(silo => !silo.Equals(links.Local)).Select(silo => GreetAsync(silo, cancellationToken)));
    }

    public Task<LinkReply> FrameAsync(SiloAddress source, ReadOnlyMemory<byte> frame)
    {
        if (!LinkFrame.TryRead(frame, out var parsed))
        {
            return Task.FromResult(new LinkReply(LinkStatus.NotUnderstood, 0));
        }

        if (parsed.Generation != source.Generation || PeerOf(source) is not { } peer)
        {
            return Task.FromResult(new LinkReply(LinkStatus.Refused, 0));
        }

        return parsed.Lane == LinkLane.Control || lease.IsHeld ? AnswerAsync(peer, Accept(peer, parsed)) : AnswerLaterAsync(peer, parsed);
    }

    /// <summary>Completes when the frame has been applied in its order.</summary>
    internal static Task<bool> Accept(Peer peer, LinkFrame frame) => (frame.Lane == LinkLane.Control ? peer.ControlIn : peer.DataIn).AcceptAsync(frame);

    public Task HelloAsync(SiloAddress source)
    {
        PeerOf(source)?.Pump();
        return Task.CompletedTask;
    }

    public Task<ReleasedSession?> ReleaseAsync(SiloAddress source, string clientId, long epoch, bool discard) =>
        handOver.ReleaseAsync(clientId, epoch, discard);

    public Task AdoptAsync(int partition, ImmutableArray<LostOwner> owners, long epoch) => adoptions.AdoptAsync(partition, owners, epoch);

    public void OnControl(Peer peer, ReadOnlySpan<byte> item)
    {
        try
        {
            switch ((LinkItemKind)item[0])
            {
                case LinkItemKind.RouteAdded:
                    routes.AddRemote(peer, LinkItem.ReadRoute(item, out var members), members);
                    break;
                case LinkItemKind.RouteRemoved:
                    routes.RemoveRemote(peer, LinkItem.ReadRoute(item, out _));
                    break;
                case LinkItemKind.RoutesEnd:
                    peer.RoutesReceived.TrySetResult(true);
                    break;
                case LinkItemKind.Settled:
                    var (id, reason) = LinkItem.ReadSettled(item);
                    peer.TakeSettled(id)?.Settle(reason, FlushBatch.Current);
                    break;
                case LinkItemKind.Fence:
                    AnswerFence(peer, LinkItem.ReadMark(item));
                    break;
            }
        }
        catch (Exception error)
        {
            log.ItemFailed(error, peer.Silo);
        }
    }

    public void OnData(Peer peer, ReadOnlySpan<byte> item)
    {
        try
        {
            switch ((LinkItemKind)item[0])
            {
                case LinkItemKind.Message:
                    deliveries.Deliver(peer, LinkMessage.Read(item), FlushBatch.Current);
                    break;
                case LinkItemKind.RetainedEnd:
                    peer.RetainedReceived.TrySetResult(true);
                    break;
                case LinkItemKind.Switched:
                    adoptions.OnSwitched(SiloAddress.FromParsableString(LinkItem.ReadSwitched(item)), peer.Silo);
                    break;
                case LinkItemKind.FenceReached:
                    peer.OnFenceReached(LinkItem.ReadMark(item));
                    break;
            }
        }
        catch (Exception error)
        {
            log.ItemFailed(error, peer.Silo);
        }
    }

    public void OnFrameEnd(Peer peer) => FlushBatch.Current.Flush(services.Metrics);

    /// <summary>Membership has changed.</summary>
    public void OnView(PeerView view)
    {
        List<SiloAddress> lost;
        lock (_gate)
        {
            // This silo is among them when it leaves: what it held is for the others to adopt.
            lost = [.. view.Dead.Where(silo => !silo.Equals(links.Local) && _dead.Add(silo))];
        }

        var peers = lost.Select(Remove).OfType<Peer>().ToList();
        if (lost.Count > 0)
        {
            _ = RecoverAsync(lost, peers);
        }

        foreach (var silo in view.Active)
        {
            PeerOf(silo)?.Pump();
        }
    }

    /// <summary>The container disposes it once per service that it is registered as.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await _stop.CancelAsync();
            await _watch;
            _stop.Dispose();
        }
    }

    private static async Task<LinkReply> AnswerAsync(Peer peer, Task<bool> applied) =>
        new(await applied.ConfigureAwait(false) ? LinkStatus.Applied : LinkStatus.Refused, peer.Data.Items);

    /// <summary>A silo that has hung may be dead to the others: messages that waited in its sockets meanwhile are not for its clients any more.</summary>
    private async Task<LinkReply> AnswerLaterAsync(Peer peer, LinkFrame frame)
    {
        await lease.WaitAsync();
        return await AnswerAsync(peer, Accept(peer, frame));
    }

    private async Task WatchAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await foreach (var view in links.WatchAsync(_stop.Token))
                {
                    OnView(view);
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                log.WatchFailed(error);
                await Task.Delay(HelloAgain, services.Time, CancellationToken.None);
            }
        }
    }

    private async Task GreetAsync(SiloAddress silo, CancellationToken cancellationToken)
    {
        while (PeerOf(silo) is { } peer)
        {
            try
            {
                await peer.Link.HelloAsync();
                await Task.WhenAll(peer.RoutesReceived.Task, peer.RetainedReceived.Task).WaitAsync(cancellationToken);
                return;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                log.HelloFailed(error, silo);
                await Task.Delay(HelloAgain, services.Time, cancellationToken);
            }
        }
    }

    /// <summary>The peer of a silo, made when it is met first; null for this silo and for a dead one.</summary>
    internal Peer? PeerOf(SiloAddress silo)
    {
        if (silo.Equals(links.Local))
        {
            return null;
        }

        Peer? peer;
        lock (_gate)
        {
            if (_dead.Contains(silo) || _peers.TryGetValue(silo, out peer))
            {
                return _dead.Contains(silo) ? null : _peers[silo];
            }

            peer = new Peer(silo, links.Get(silo), links.Local.Generation, this, services.Time, log, Schedule);
            _peers[silo] = peer;
            // Retained messages first of all: what is retained from now on is sent to it; then what is there.
            services.Peers.Add(peer);
            peer.SetBacklog(Retained());
            routes.AddPeer(peer);
        }

        log.Linked(silo);
        peer.PumpSoon();
        return peer;
    }

    private IEnumerable<Action<Peer>> Retained()
    {
        foreach (var message in retainedMessages.All)
        {
            yield return peer => PeerSet.SendRetained(peer, message, services.UnixMilliseconds);
        }

        yield return peer => LinkItem.AppendMark(peer.Data, LinkItemKind.RetainedEnd);
    }

    private Peer? Remove(SiloAddress silo)
    {
        Peer? peer;
        lock (_gate)
        {
            _peers.Remove(silo, out peer);
        }

        adoptions.OnLost(silo);
        if (peer is null)
        {
            return null;
        }

        services.Peers.Remove(peer);
        var unsettled = peer.UnsettledCount;
        var shared = peer.Close();
        log.Lost(silo, routes.OrphanPeer(peer), unsettled);
        deliveries.LetGo(peer);
        deliveries.ShareAgain(shared);
        return peer;
    }

    /// <summary>When others have the sessions of lost silos, they get what was kept for those.</summary>
    private async Task RecoverAsync(List<SiloAddress> lost, List<Peer> peers)
    {
        try
        {
            if (services.SharesStore)
            {
                await adoptions.AdoptAllAsync(_stop.Token);
            }

            foreach (var silo in lost)
            {
                deliveries.Drain(silo, peers.Find(peer => peer.Silo.Equals(silo)), adoptions.OnSwitched);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return;
        }
    }

    /// <summary>Behind everything that was matched before this: a batch under way may still send what it matched earlier.</summary>
    private void AnswerFence(Peer peer, ulong token) => Task.Run(() =>
    {
        connections.WaitForBatches();
        services.StoreCallbacks.WaitForBatch();
        LinkItem.AppendMark(peer.Data, LinkItemKind.FenceReached, token);
        peer.Pump();
    });
}
