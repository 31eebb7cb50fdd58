using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>
/// QoS 2: the packet id, the message and its queue rows here are one commit. Other silos that match have theirs before it: were the
/// id committed first, a crash between would let the repeated PUBLISH pass for one that they have.
/// </summary>
internal sealed partial class PublishHandler
{
    private ReasonCode PublishExactlyOnce(MqttConnection connection, ClientSession session, TopicEntry entry, in PublishView view, FlushBatch batch)
    {
        var packetId = view.PacketId;
        if (!session.TryBookInbound(packetId, out var committed))
        {
            // A retransmission: answered again, delivered never [MQTT-4.3.3-2]. While its commit is under way the answer follows that.
            if (committed)
            {
                connection.SendAcknowledgement(PacketType.PubRec, packetId, ReasonCode.Success, batch);
            }

            return ReasonCode.Success;
        }

        if (connection.PublishTaken() > connection.ReceiveMaximumOfServer && connection.Version == ProtocolVersion.V500)
        {
            return ReasonCode.ReceiveMaximumExceeded;
        }

        var message = router.CreateMessage(session, entry, view);
        var match = routes.Match(entry);
        if (!GoesElsewhere(match, view.Retain) && session.ExactlyOnce?.IsBusy != true && !IsForArriving(match))
        {
            CommitExactlyOnce(session, entry, packetId, message, match, null, batch);
            return ReasonCode.Success;
        }

        // First everywhere else, then here together with the packet id, when all have arrived that it is for: a repeated PUBLISH is let pass
        // until then.
        PublishJob job = null!;
        var order = session.ExactlyOnce ??= new ExactlyOnceOrder();
        var open = services.OpenPublishes.Begin(message, entry);
        var publish = new ExactlyOncePublish(order, (reason, settled) =>
        {
            if (reason == ReasonCode.Success)
            {
                CommitExactlyOnce(session, entry, packetId, message, routes.Match(entry), job, settled);
            }
            else
            {
                session.AcceptInbound(packetId, reason, settled);
            }

            services.OpenPublishes.End(open);
        });
        job = new PublishJob(services, message, storesFirst: true, () => publish) { GoesElsewhere = GoesElsewhere(match, view.Retain) };
        order.Add(publish);
        if (view.Retain && !message.Payload.IsEmpty && router.Retain(job) is var refused and not ReasonCode.Success)
        {
            publish.Fail(refused);
        }
        else
        {
            match = HoldForLost(job, entry, match, batch);
            if (MessageRouter.Admit(job, match))
            {
                Forward(job, match, view.Retain, batch);
            }
            else
            {
                publish.Fail(job.Refusal);
            }
        }

        WaitForArriving(match, publish);
        publish.Complete(batch);
        return ReasonCode.Success;
    }

    /// <param name="match">None of it was arriving when the publish came.</param>
    /// <param name="forwarded">The job under which other silos have settled it; null when there are none.</param>
    private void CommitExactlyOnce(ClientSession session, TopicEntry entry, ushort packetId, ApplicationMessage message, MatchSet match, PublishJob? forwarded, FlushBatch batch)
    {
        var job = new PublishJob(services, message, storesFirst: true, makeTicket: null) { Forwarded = forwarded, IsAdmitted = forwarded is not null };
        if (!job.IsAdmitted && !MessageRouter.Admit(job, match))
        {
            // Told before anybody gets it: the client publishes it again, and whoever has it already would have it twice.
            session.AcceptInbound(packetId, job.Refusal, batch);
            return;
        }

        var retained = message.Retain ? router.Retain(job) : ReasonCode.Success;
        if (retained != ReasonCode.Success)
        {
            session.AcceptInbound(packetId, retained, batch);
            return;
        }

        var matched = router.RouteDurable(job, match, batch) || forwarded is not null;
        if (session.IsDurable)
        {
            session.MarkStored();
            job.Work.Inbound = (session, packetId);
        }

        if (!job.HasWork)
        {
            router.RouteTransient(job, routes.Match(entry), batch);
            session.AcceptInbound(packetId, Reason(job, matched), batch);
            return;
        }

        job.Work.AfterCommit = (committedBatch, stored) =>
        {
            if (stored == ReasonCode.Success)
            {
                // Matched again: rights may have changed between PUBLISH and commit.
                router.RouteTransient(job, routes.Match(entry), committedBatch);
            }

            session.AcceptInbound(packetId, stored == ReasonCode.Success ? Reason(job, matched) : stored, committedBatch);
        };
        job.Submit();
    }

    private bool GoesElsewhere(MatchSet match, bool retain) =>
        match.Remotes.Length > 0 || match.Orphans.Length > 0 || (retain && services.Peers.All.Length > 0) || Array.Exists(match.Shared, shared => shared.Peers is not null);

    private static bool IsForArriving(MatchSet match) =>
        Array.Exists(match.Targets, target => target.Session.IsArriving)
        || Array.Exists(match.Shared, shared => Array.Exists(shared.Members, member => member.Session.IsArriving));

    /// <summary>Sessions that come here from another silo write no row before they have: the packet id waits for that, to be in one commit with it.</summary>
    private static void WaitForArriving(MatchSet match, PublishTicket publish)
    {
        foreach (var target in match.Targets)
        {
            target.Session.WhenArrived(publish);
        }

        foreach (var member in match.Shared.SelectMany(shared => shared.Members))
        {
            member.Session.WhenArrived(publish);
        }
    }

    /// <summary>Keeps the message for the sessions of dead silos, before anybody has it; returns what matches then.</summary>
    private MatchSet HoldForLost(PublishJob job, TopicEntry entry, MatchSet match, FlushBatch batch)
    {
        HashSet<Peer>? held = null;
        while (Array.Find(match.Orphans, orphan => held?.Contains(orphan) != true) is { } orphan)
        {
            var publish = new RemotePublish(job.TicketForTarget(), job.Message, LinkMessageFlags.Adopted, null);
            if (orphan.TryHold(publish))
            {
                (held ??= []).Add(orphan);
            }
            else
            {
                // Its sessions have been adopted in this moment.
                publish.Ticket?.Complete(batch);
                match = routes.Match(entry);
            }
        }

        return match;
    }

    private bool Forward(PublishJob job, MatchSet match, bool retain, FlushBatch batch) =>
        (match.Remotes.Length > 0 || job.SharesElsewhere is not null || (retain && services.Peers.All.Length > 0))
        && services.Peers.Forward(job, match, retain, services.UnixMilliseconds, batch);
}
