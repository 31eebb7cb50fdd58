using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Links;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>
/// PUBLISH (section 3.3). QoS 0 is the hot path: parsed in place, matched through caches, copied into the subscribers'
/// outbound buffers; it allocates nothing and calls no grain. QoS 1, QoS 2 and retained messages become an
/// <see cref="ApplicationMessage"/> and go through <see cref="MessageRouter"/>.
/// </summary>
internal sealed partial class PublishHandler(RouteTable routes, MessageRouter router, SessionServices services)
{
    /// <summary>What becomes of a PUBLISH that its client may not send; swapped with the configuration.</summary>
    public OnDenied OnDenied { get; set; }

    /// <summary>Handles one PUBLISH; anything but Success closes the connection with that reason.</summary>
    public ReasonCode Handle(MqttConnection connection, byte header, Span<byte> packet, int headerLength, FlushBatch batch)
    {
        var result = PublishReader.TryRead(header, packet[headerLength..], connection.Version, out var view);
        if (result != ReasonCode.Success)
        {
            return result;
        }

        batch.Received++;
        var topic = view.Topic;
        if (view.TopicAlias != 0)
        {
            result = ResolveAlias(connection, view.TopicAlias, ref topic);
            if (result != ReasonCode.Success)
            {
                return result;
            }
        }

        var session = connection.Session!;
        var entry = connection.Topics.Find(topic, session.Access, routes, out var allowed);
        if (!entry.IsValid)
        {
            return ReasonCode.TopicNameInvalid;
        }

        if (!allowed)
        {
            return Deny(connection, session, view, batch);
        }

        if ((header & 0b0111) == 0)
        {
            FanOut(session.ClientId, connection.Version, entry, packet, view, batch);
            return ReasonCode.Success;
        }

        return view.Qos switch
        {
            QualityOfService.AtMostOnce => PublishRetained(session, entry, view, batch),
            QualityOfService.AtLeastOnce => PublishAtLeastOnce(connection, session, entry, view, batch),
            _ => PublishExactlyOnce(connection, session, entry, view, batch),
        };
    }

    private ReasonCode PublishRetained(ClientSession session, TopicEntry entry, in PublishView view, FlushBatch batch)
    {
        var job = new PublishJob(services, router.CreateMessage(session, entry, view), storesFirst: false, makeTicket: null);
        if (router.Retain(job) == ReasonCode.Success)
        {
            var match = routes.Match(entry);
            router.Route(job, match, batch);
            services.Peers.Forward(job, match, retain: true, services.UnixMilliseconds, batch);
        }
        else
        {
            batch.Dropped++;
        }

        job.Submit();
        return ReasonCode.Success;
    }

    private ReasonCode PublishAtLeastOnce(MqttConnection connection, ClientSession session, TopicEntry entry, in PublishView view, FlushBatch batch)
    {
        var packetId = view.PacketId;
        if (connection.PublishTaken() > connection.ReceiveMaximumOfServer && connection.Version == ProtocolVersion.V500)
        {
            return ReasonCode.ReceiveMaximumExceeded;
        }

        var job = new PublishJob(services, router.CreateMessage(session, entry, view), storesFirst: false, () => new ClientPublishTicket(session, connection, packetId));
        var retained = view.Retain ? router.Retain(job) : ReasonCode.Success;
        if (retained != ReasonCode.Success)
        {
            session.CompletePublish(connection, packetId, retained, batch);
            return ReasonCode.Success;
        }

        if (job.HasWork)
        {
            job.Work.Ticket = job.TicketForTarget();
        }

        var match = HoldForLost(job, entry, routes.Match(entry), batch);
        var matched = router.Route(job, match, batch);
        matched |= match.Orphans.Length > 0 | Forward(job, match, view.Retain, batch);
        job.Submit();
        if (job.Ticket is { } ticket)
        {
            if (job.Refusal != ReasonCode.Success)
            {
                ticket.Fail(job.Refusal);
            }

            ticket.Complete(batch);
        }
        else
        {
            var reason = job.Refusal != ReasonCode.Success ? job.Refusal : matched ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers;
            session.CompletePublish(connection, packetId, reason, batch);
        }

        return ReasonCode.Success;
    }

    private static ReasonCode Reason(PublishJob job, bool matched) =>
        job.Refusal != ReasonCode.Success ? job.Refusal : matched ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers;

    /// <summary>A PUBLISH without the right to it: told to 5.0 clients, acknowledged and dropped for 3.1.1 [MQTT-3.3.5-2].</summary>
    private ReasonCode Deny(MqttConnection connection, ClientSession session, in PublishView view, FlushBatch batch)
    {
        // Taken while the right was there: a refusal would free the id at the client while it stays booked here, and the next
        // message under it would pass for a retransmission.
        if (view.Qos == QualityOfService.ExactlyOnce && session.IsBooked(view.PacketId, out var committed))
        {
            if (committed)
            {
                connection.SendAcknowledgement(PacketType.PubRec, view.PacketId, ReasonCode.Success, batch);
            }

            return ReasonCode.Success;
        }

        batch.Dropped++;
        if (OnDenied == OnDenied.Disconnect)
        {
            return ReasonCode.NotAuthorized;
        }

        var reason = connection.Version == ProtocolVersion.V500 ? ReasonCode.NotAuthorized : ReasonCode.Success;
        switch (view.Qos)
        {
            case QualityOfService.AtLeastOnce:
                connection.SendAcknowledgement(PacketType.PubAck, view.PacketId, reason, batch);
                break;
            case QualityOfService.ExactlyOnce:
                connection.SendAcknowledgement(PacketType.PubRec, view.PacketId, reason, batch);
                break;
        }

        return ReasonCode.Success;
    }

    private static ReasonCode ResolveAlias(MqttConnection connection, ushort alias, ref ReadOnlySpan<byte> topic)
    {
        if (alias >= connection.Aliases.Length)
        {
            return ReasonCode.TopicAliasInvalid;
        }

        if (!topic.IsEmpty)
        {
            connection.Aliases[alias] = topic.ToArray();
            return ReasonCode.Success;
        }

        if (connection.Aliases[alias] is not { } known)
        {
            return ReasonCode.ProtocolError;
        }

        topic = known;
        return ReasonCode.Success;
    }
}
