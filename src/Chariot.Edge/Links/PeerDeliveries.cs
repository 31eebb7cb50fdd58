using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Packets;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

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
        var job = new PublishJob(services, message, storesFirst: view.Qos == QualityOfService.ExactlyOnce, ticket is null ? null : () => ticket)
        {
            IsFromPeer = true,
            Shares = item.ReadShares(),
        };
        if (isRetained)
        {
            Retain(job);
        }

        if ((item.Flags & LinkMessageFlags.Deliver) != 0 || job.Shares is not null)
        {
            Route(job, entry, ticket, batch);
        }

        if (job.Refusal != ReasonCode.Success)
        {
            ticket?.Fail(job.Refusal);
        }

        ticket?.Complete(batch);
    }

    /// <summary>A silo is dead: what it had not settled reaches nobody there any more.</summary>
    public void OnLost(Peer peer, List<RemotePublish> unsettled)
    {
        var batch = FlushBatch.Current;
        foreach (var publish in unsettled)
        {
            publish.Settle(ReasonCode.Success, batch);
        }

        batch.Flush(services.Metrics);
    }

    public Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard) => Task.FromResult<ReleasedSession?>(null);

    private void Route(PublishJob job, TopicEntry entry, PeerTicket? ticket, FlushBatch batch)
    {
        if (!job.StoresFirst)
        {
            router.Route(job, routes.Match(entry), batch);
            job.Submit();
            return;
        }

        MessageRouter.RouteDurable(job, routes.Match(entry), batch);
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
