using Chariot.Abstractions;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Packets;

/// <summary>
/// Brings an <see cref="ApplicationMessage"/> to the sessions it matches: QoS 1, QoS 2, retained messages and wills.
/// </summary>
internal sealed class MessageRouter(RouteTable routes, RetainedMessages retainedMessages, SessionServices services, MessageIds ids)
{
    public ApplicationMessage CreateMessage(ClientSession publisher, TopicEntry entry, in PublishView view) =>
        CreateMessage(view.Retain ? ids.Next(services.UnixMilliseconds) : ids.Next(), publisher.ClientId, entry, view);

    public ApplicationMessage CreateMessage(long id, string publisher, TopicEntry entry, in PublishView view)
    {
        // One array for everything that the message owns.
        var bytes = new byte[view.PropertiesLength + view.Payload.Length];
        var properties = view.CopyProperties(bytes);
        view.Payload.CopyTo(bytes.AsSpan(properties));
        var now = services.UnixMilliseconds;
        return new ApplicationMessage
        {
            Id = id,
            Topic = entry.Topic,
            Properties = bytes.AsMemory(0, properties),
            Payload = bytes.AsMemory(properties),
            QualityOfService = view.Qos,
            Retain = view.Retain,
            Publisher = publisher,
            PublishedAt = now,
            ExpiresAt = view.MessageExpirySeconds is { } seconds ? now + (seconds * 1000L) : long.MaxValue,
        };
    }

    /// <summary>
    /// Makes the job's message the retained one of its topic, or clears it when the payload is empty [MQTT-3.3.1-6]; refused
    /// with 0x97 when no more may be kept. Must precede routing, so that a subscriber's replay never shows an older value
    /// after a newer one.
    /// </summary>
    public ReasonCode Retain(PublishJob job)
    {
        var message = job.Message;
        if (message.Payload.IsEmpty)
        {
            if (retainedMessages.Clear(message.Topic, message.Id))
            {
                job.Work.Retained = (retainedMessages, message.Topic);
            }

            return ReasonCode.Success;
        }

        if (!retainedMessages.Set(message, services.Limits.MaximumRetainedMessages, services.Limits.MaximumRetainedBytes))
        {
            return ReasonCode.QuotaExceeded;
        }

        job.Work.Retained = (retainedMessages, message.Topic);
        return ReasonCode.Success;
    }

    /// <summary>
    /// Whether every durable target of a QoS 2 publish has room for it; chooses the members of shared subscriptions. What comes in
    /// between this and the delivery may take a queue over its limit by as much as is published at the same time.
    /// </summary>
    public static bool Admit(PublishJob job, MatchSet match)
    {
        ChooseMembers(job, match);
        foreach (var target in match.Targets)
        {
            if (CopyOf(target, job) is { } copy && copy.Session.IsOverBudget(job.Message, copy.Qos))
            {
                job.Refuse(ReasonCode.QuotaExceeded);
                return false;
            }
        }

        foreach (var member in job.SharedMembers)
        {
            if (member.Session.IsOverBudget(job.Message, member.Qos))
            {
                job.Refuse(ReasonCode.QuotaExceeded);
                return false;
            }
        }

        job.IsAdmitted = true;
        return true;
    }

    /// <summary>Delivers to everything that matches; false when nothing did.</summary>
    public bool Route(PublishJob job, MatchSet match, FlushBatch batch)
    {
        var any = RouteDurable(job, match, batch);
        return RouteTransient(job, match, batch) || any;
    }

    /// <summary>Delivers to durable sessions that get it at QoS 1 or 2; false when nothing at all matches.</summary>
    public bool RouteDurable(PublishJob job, MatchSet match, FlushBatch batch)
    {
        var any = false;
        foreach (var target in job.Shares is null ? match.Targets : [])
        {
            if (CopyOf(target, job) is { } copy)
            {
                any = true;
                DeliverDurable(job, copy, batch);
            }
        }

        if (match.Shared.Length > 0)
        {
            any = true;
            ChooseMembers(job, match);
            foreach (var member in job.SharedMembers)
            {
                DeliverDurable(job, member, batch);
            }
        }

        return any;
    }

    /// <summary>Delivers to the rest: sessions that end with their connection, and QoS 0 subscriptions.</summary>
    public bool RouteTransient(PublishJob job, MatchSet match, FlushBatch batch)
    {
        var any = false;
        foreach (var target in job.Shares is null ? match.Targets : [])
        {
            if (CopyOf(target, job) is { } copy)
            {
                any = true;
                DeliverTransient(job, copy, batch);
            }
        }

        foreach (var member in job.HasSharedMembers ? job.SharedMembers : [])
        {
            DeliverTransient(job, member, batch);
        }

        return any;
    }

    /// <summary>Publishes a will, or a message of the broker; nobody waits for it.</summary>
    public void PublishWill(WillRecord will, ClientSession publisher, FlushBatch batch)
    {
        var now = services.UnixMilliseconds;
        var message = new ApplicationMessage
        {
            Id = ids.Next(now),
            Topic = will.Topic,
            Properties = will.Properties,
            Payload = will.Payload,
            QualityOfService = will.QualityOfService,
            Retain = will.Retain,
            Publisher = publisher.ClientId,
            PublishedAt = now,
            ExpiresAt = will.MessageExpirySeconds is { } seconds ? now + (seconds * 1000L) : long.MaxValue,
        };
        var entry = routes.GetTopic(will.Topic);
        var job = new PublishJob(services, message, storesFirst: will.QualityOfService == QualityOfService.ExactlyOnce, makeTicket: null);
        if (will.Retain && Retain(job) != ReasonCode.Success)
        {
            batch.Dropped++;
        }

        var match = routes.Match(entry);
        Route(job, match, batch);
        services.Peers.Forward(job, match, will.Retain, now, batch);
        job.Submit();
    }

    /// <summary>Hands one retained message to one new subscription, flag RETAIN set [MQTT-3.3.1-8].</summary>
    public void Replay(ApplicationMessage message, Target target, FlushBatch batch)
    {
        var job = new PublishJob(services, message, storesFirst: Lower(message.QualityOfService, target.Qos) == QualityOfService.ExactlyOnce && target.Session.IsDurable, makeTicket: null);
        if (Lower(message.QualityOfService, target.Qos) == QualityOfService.AtMostOnce)
        {
            // Its turn has come when there was room: it is not dropped, whatever else was sent meanwhile.
            if (target.Session.Connection?.SendRetained(message, services.UnixMilliseconds, target.SubscriptionIdentifiers, batch) == true)
            {
                batch.Delivered++;
            }
            else
            {
                batch.Dropped++;
            }
        }
        else
        {
            target.Session.Deliver(job, target, Lower(message.QualityOfService, target.Qos), retain: true, batch);
            job.Submit();
        }
    }

    /// <summary>Once for each job: the silo for each shared subscription, and where that is this one, the member.</summary>
    private static void ChooseMembers(PublishJob job, MatchSet match)
    {
        if (job.HasSharedMembers)
        {
            return;
        }

        var members = job.SharedMembers;
        foreach (var shared in match.Shared)
        {
            if ((job.Shares is null || job.Shares.Contains(shared.Key))
                && IsChosenHere(job, shared)
                && shared.Choose(new ShareRequest(job.Message.Publisher, job.Message.Topic.Span, job.Message.Size)) is { } member)
            {
                members.Add(member);
            }
        }
    }

    // By client id, because the publisher may be on another silo.
    private static Target? CopyOf(Target target, PublishJob job) =>
        (target.Session.Adoption is { } adoption ? adoption.Takes(target.Session, job) : job.OnlyAdopted is null) ? target.For(job.Message.Publisher) : null;

    private static bool IsChosenHere(PublishJob job, SharedTarget shared)
    {
        if (job.IsFromPeer || job.OnlyAdopted is not null)
        {
            return job.Shares?.Contains(shared.Key) == true;
        }

        if (job.Forwarded is { } forwarded)
        {
            return !forwarded.IsElsewhere(shared.Key);
        }

        if (shared.ChoosePeer() is not { } peer)
        {
            return true;
        }

        job.ShareElsewhere(peer, shared.Key);
        return false;
    }

    private static QualityOfService Lower(QualityOfService a, QualityOfService b) => a < b ? a : b;

    private void DeliverDurable(PublishJob job, Target target, FlushBatch batch)
    {
        var qos = Lower(job.Message.QualityOfService, target.Qos);
        if (qos != QualityOfService.AtMostOnce && target.Session.IsDurable)
        {
            Deliver(job, target, qos, batch);
        }
    }

    private void Deliver(PublishJob job, Target target, QualityOfService qos, FlushBatch batch)
    {
        var retain = job.Message.Retain && target.RetainAsPublished;
        if (!target.Session.Deliver(job, target, qos, retain, batch) && target.Share is not null)
        {
            // It was chosen and is gone.
            services.Redelivery.GiveAgain(job, target, retain);
        }
    }

    private void DeliverTransient(PublishJob job, Target target, FlushBatch batch)
    {
        var qos = Lower(job.Message.QualityOfService, target.Qos);
        if (qos == QualityOfService.AtMostOnce)
        {
            SendOnce(job.Message, target, job.Message.Retain && target.RetainAsPublished, batch);
        }
        else if (!target.Session.IsDurable)
        {
            Deliver(job, target, qos, batch);
        }
    }

    private void SendOnce(ApplicationMessage message, Target target, bool retain, FlushBatch batch)
    {
        if (target.Session.Connection is not { } subscriber)
        {
            return;
        }

        if (subscriber.SendOnce(message, services.UnixMilliseconds, retain, target.SubscriptionIdentifiers, batch))
        {
            batch.Delivered++;
        }
        else
        {
            batch.Dropped++;
        }
    }
}
