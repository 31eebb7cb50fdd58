using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>
/// PUBLISH (section 3.3). QoS 0 is the hot path: parsed in place, matched through caches, copied into the subscribers'
/// outbound buffers; it allocates nothing and calls no grain. QoS 1, QoS 2 and retained messages become an
/// <see cref="ApplicationMessage"/> and go through <see cref="MessageRouter"/>.
/// </summary>
internal sealed class PublishHandler(RouteTable routes, MessageRouter router, SessionServices services)
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
            FanOut(connection, session, entry, packet, view, batch);
            return ReasonCode.Success;
        }

        return view.Qos switch
        {
            QualityOfService.AtMostOnce => PublishRetained(session, entry, view, batch),
            QualityOfService.AtLeastOnce => PublishAtLeastOnce(connection, session, entry, view, batch),
            _ => PublishExactlyOnce(connection, session, entry, view, batch),
        };
    }

    /// <summary>QoS 0, not retained.</summary>
    private void FanOut(MqttConnection connection, ClientSession publisher, TopicEntry entry, Span<byte> packet, in PublishView view, FlushBatch batch)
    {
        var match = routes.Match(entry);
        var encoder = PublishEncoder.Current;
        var begun = false;
        // The same bytes will do for a subscriber of the same version when they hold nothing that concerns us alone.
        var verbatim = view.TopicAlias == 0 && view.MessageExpirySeconds is null;
        foreach (var target in match.Targets)
        {
            if (!(target.NoLocal && ReferenceEquals(target.Session, publisher)))
            {
                Send(target, packet, view);
            }
        }

        foreach (var shared in match.Shared)
        {
            if (shared.Choose(new ShareRequest(publisher.ClientId, entry.Topic, packet.Length)) is { } member)
            {
                Send(member, packet, view);
            }
        }

        void Send(Target target, ReadOnlySpan<byte> packet, in PublishView view)
        {
            if (target.Session.Connection is not { } subscriber)
            {
                return;
            }

            if (subscriber.Outbound.Aliases is not null && SendAliased(target, subscriber, view))
            {
                return;
            }

            ReadOnlySpan<byte> bytes;
            if (verbatim && subscriber.Version == connection.Version && target.SubscriptionIdentifiers.Length == 0)
            {
                bytes = packet;
            }
            else
            {
                Begin();
                bytes = encoder.Encode(view, entry.Topic, AliasUse.None, subscriber.Version, retain: false, target.SubscriptionIdentifiers, out _);
            }

            if (bytes.Length > subscriber.MaximumPacketSize || !subscriber.Outbound.TryAppend(bytes, out var firstTouch))
            {
                batch.Dropped++;
                return;
            }

            Delivered(subscriber, firstTouch);
        }

        // False when the topic is to be written in full, without an alias.
        bool SendAliased(Target target, MqttConnection subscriber, in PublishView view)
        {
            var use = subscriber.Outbound.ChooseAlias(entry.Topic, out var alias);
            while (use != AliasUse.None)
            {
                Begin();
                var bytes = encoder.Encode(view, entry.Topic, use, subscriber.Version, retain: false, target.SubscriptionIdentifiers, out var offset);
                if (bytes.Length > subscriber.MaximumPacketSize)
                {
                    return false;
                }

                switch (subscriber.Outbound.TryAppend(bytes, new AliasPatch(use, alias, offset), out var firstTouch))
                {
                    case AppendResult.Appended:
                        Delivered(subscriber, firstTouch);
                        return true;
                    case AppendResult.Refused:
                        batch.Dropped++;
                        return true;
                    default:
                        use = AliasUse.Introduce;
                        break;
                }
            }

            return false;
        }

        void Begin()
        {
            if (!begun)
            {
                encoder.Begin();
                begun = true;
            }
        }

        void Delivered(MqttConnection subscriber, bool firstTouch)
        {
            batch.Delivered++;
            if (firstTouch)
            {
                batch.Touch(subscriber.Outbound);
            }
        }
    }

    private ReasonCode PublishRetained(ClientSession session, TopicEntry entry, in PublishView view, FlushBatch batch)
    {
        var job = new PublishJob(services, router.CreateMessage(session, entry, view), storesFirst: false, makeTicket: null);
        if (router.Retain(job) == ReasonCode.Success)
        {
            router.Route(job, routes.Match(entry), session, batch);
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

        var job = new PublishJob(services, router.CreateMessage(session, entry, view), storesFirst: false, () => new PublishTicket(session, connection, packetId));
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

        var matched = router.Route(job, routes.Match(entry), session, batch);
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

        var job = new PublishJob(services, router.CreateMessage(session, entry, view), storesFirst: true, makeTicket: null);
        if (!router.Admit(job, routes.Match(entry), session))
        {
            // Told before anybody gets it: the client publishes it again, and whoever has it already would have it twice.
            session.AcceptInbound(packetId, job.Refusal, batch);
            return ReasonCode.Success;
        }

        var retained = view.Retain ? router.Retain(job) : ReasonCode.Success;
        if (retained != ReasonCode.Success)
        {
            session.AcceptInbound(packetId, retained, batch);
            return ReasonCode.Success;
        }

        var matched = router.RouteDurable(job, routes.Match(entry), session, batch);
        if (session.IsDurable)
        {
            session.MarkStored();
            job.Work.Inbound = (session, packetId);
        }

        if (!job.HasWork)
        {
            router.RouteTransient(job, routes.Match(entry), session, batch);
            session.AcceptInbound(packetId, Reason(job, matched), batch);
            return ReasonCode.Success;
        }

        job.Work.AfterCommit = (committedBatch, stored) =>
        {
            if (stored == ReasonCode.Success)
            {
                // Matched again: rights may have changed between PUBLISH and commit.
                router.RouteTransient(job, routes.Match(entry), session, committedBatch);
            }

            session.AcceptInbound(packetId, stored == ReasonCode.Success ? Reason(job, matched) : stored, committedBatch);
        };
        job.Submit();
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
