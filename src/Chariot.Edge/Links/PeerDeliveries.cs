using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Packets;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Orleans.Runtime;

namespace Chariot.Edge.Links;

/// <summary>Messages of other edges: matched here and delivered to sessions here, never forwarded.</summary>
internal sealed class PeerDeliveries(RouteTable routes, MessageRouter router, RetainedMessages retainedMessages, SessionServices services, MessageIds ids)
{
    private const int StackChars = 256;

    public void Deliver(Peer peer, in LinkMessage item, FlushBatch batch)
    {
        if (PublishReader.TryRead(item.Packet[0], item.Packet[1..], ProtocolVersion.V500, out var view) != ReasonCode.Success)
        {
            throw new InvalidDataException("The message of a peer cannot be read.");
        }

        var entry = routes.GetTopic(view.Topic);
        var isRetained = (item.Flags & LinkMessageFlags.Retain) != 0;
        if (view.Qos == QualityOfService.AtMostOnce && !isRetained)
        {
            Span<char> buffer = item.Publisher.Length <= StackChars ? stackalloc char[StackChars] : new char[item.Publisher.Length];
            var publisher = buffer[..Encoding.UTF8.GetChars(item.Publisher, buffer)];
            PublishHandler.FanOutHere(publisher, routes.Match(entry), entry, item.ReadShares(), view, batch);
            return;
        }

        var message = router.CreateMessage(item.Id, Encoding.UTF8.GetString(item.Publisher), entry, view);
        var ticket = item.SettleId != 0 ? new PeerTicket(peer, item.SettleId) : null;
        var isAdopted = (item.Flags & LinkMessageFlags.Adopted) != 0;
        var keys = item.ReadShares();
        var job = new PublishJob(services, message, storesFirst: view.Qos == QualityOfService.ExactlyOnce, ticket is null ? null : () => ticket)
        {
            IsFromPeer = true,
            Origin = peer.Silo,
            Shares = isAdopted ? null : keys,
            OnlyAdopted = isAdopted ? keys?[0] : null,
        };
        if (isRetained)
        {
            Retain(job);
        }

        if ((item.Flags & LinkMessageFlags.Deliver) != 0 || keys is not null)
        {
            Route(job, entry, ticket, batch);
        }

        if (job.Refusal != ReasonCode.Success)
        {
            ticket?.Fail(job.Refusal);
        }

        ticket?.Complete(batch);
    }

    /// <summary>A silo is dead that was to choose members of shared subscriptions: others are chosen.</summary>
    public void ShareAgain(List<RemotePublish> publishes)
    {
        var batch = FlushBatch.Current;
        foreach (var publish in publishes)
        {
            var job = new PublishJob(services, publish.Message, storesFirst: false, publish.Ticket is { } ticket ? () => ticket : null) { Shares = publish.Shares };
            var match = routes.Match(routes.GetTopic(publish.Message.Topic.Span));
            router.Route(job, match, batch);
            foreach (var (peer, shares) in job.SharesElsewhere ?? [])
            {
                PeerSet.Send(peer, job, LinkMessageFlags.None, shares, services.UnixMilliseconds, batch);
            }

            job.Submit();
            publish.Settle(job.Refusal, batch);
        }

        batch.Flush(services.Metrics);
    }

    /// <summary>A silo is dead, and what was under way to it matches no session that others are to adopt: its publisher waits for nobody.</summary>
    public void LetGo(Peer lost)
    {
        var batch = FlushBatch.Current;
        foreach (var publish in lost.TakeHeld(publish => !routes.Match(routes.GetTopic(publish.Message.Topic.Span)).Orphans.Contains(lost)))
        {
            publish.Settle(ReasonCode.Success, batch);
        }

        batch.Flush(services.Metrics);
    }

    /// <summary>
    /// The sessions of a dead silo are held elsewhere now and their routes are here: sends what was kept for them, in order, then lets
    /// everything go the usual way.
    /// </summary>
    /// <param name="peer">Null when this edge never had a link to it.</param>
    public void Drain(SiloAddress lost, Peer? peer, Action<SiloAddress, SiloAddress?> switched)
    {
        var batch = FlushBatch.Current;
        var silo = lost.ToParsableString();
        if (peer is null)
        {
            SwitchOver();
        }
        else
        {
            peer.Drain(publish => SendAdopted(peer, publish, silo, batch), SwitchOver);
        }

        batch.Flush(services.Metrics);

        void SwitchOver()
        {
            foreach (var other in services.Peers.All)
            {
                LinkItem.AppendSwitched(other.Data, silo);
                batch.Touch(other);
            }

            switched(lost, null);
            if (peer is not null)
            {
                routes.RemovePeer(peer);
            }
        }
    }

    private void SendAdopted(Peer lost, RemotePublish publish, string silo, FlushBatch batch)
    {
        var message = publish.Message;
        var entry = routes.GetTopic(message.Topic.Span);
        var job = new PublishJob(services, message, storesFirst: message.QualityOfService == QualityOfService.ExactlyOnce, publish.Ticket is { } ticket ? () => ticket : null) { OnlyAdopted = silo };
        var match = routes.Match(entry);
        foreach (var orphan in match.Orphans.Where(orphan => orphan != lost))
        {
            // An adopter that died in its turn.
            var again = new RemotePublish(job.TicketForTarget(), message, LinkMessageFlags.Adopted, null);
            if (!orphan.TryHold(again))
            {
                again.Ticket?.Complete(batch);
            }
        }

        foreach (var peer in match.Remotes)
        {
            PeerSet.Send(peer, job, LinkMessageFlags.Adopted | LinkMessageFlags.Deliver, [silo], services.UnixMilliseconds, batch);
        }

        Route(job, entry, publish.Ticket, batch);
        publish.Settle(job.Refusal, batch);
    }

    private void Route(PublishJob job, TopicEntry entry, PublishTicket? ticket, FlushBatch batch)
    {
        if (!job.StoresFirst)
        {
            router.Route(job, routes.Match(entry), batch);
            job.Submit();
            return;
        }

        router.RouteDurable(job, routes.Match(entry), batch);
        if (!job.HasWork)
        {
            router.RouteTransient(job, routes.Match(entry), batch);
            return;
        }

        ticket?.Add();
        job.Work.AfterCommit = (committed, stored) =>
        {
            if (stored == ReasonCode.Success)
            {
                router.RouteTransient(job, routes.Match(entry), committed);
            }
            else
            {
                ticket?.Fail(stored);
            }

            ticket?.Complete(committed);
        };
        job.Submit();
    }

    /// <summary>
    /// Keeps the replica. The silo of the publisher stores it; where two silos have retained for one topic, both store the winner,
    /// because the loser may have been stored last.
    /// </summary>
    private void Retain(PublishJob job)
    {
        var message = job.Message;
        ids.Observe(message.Id);
        var topic = message.Topic;
        var before = retainedMessages.Get(topic.Span);
        if (message.Payload.IsEmpty)
        {
            retainedMessages.Clear(topic, message.Id);
        }
        else
        {
            retainedMessages.Set(message, int.MaxValue);
        }

        var after = retainedMessages.Get(topic.Span);
        var lost = message.Payload.IsEmpty ? after is not null : after?.Id != message.Id;
        if (lost || (before is not null && before.Id != message.Id && ids.IsOwn(before.Id)))
        {
            services.Store.Submit(new RowWork(services, transaction => retainedMessages.Store(topic, transaction)));
        }
    }
}
