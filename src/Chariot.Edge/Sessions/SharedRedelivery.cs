using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>
/// Moves messages of shared subscriptions from a member that will not deliver them to another: the session ended or is not durable and lost
/// its connection, it unsubscribed, or it is away while others are there. QoS 1 until it is acknowledged, QoS 2 until it is sent
/// [MQTT-4.8.2-4], [MQTT-4.8.2-5]. A stored message leaves the one queue in the commit that puts it into the other.
/// </summary>
internal sealed class SharedRedelivery(RouteTable routes, SessionServices services)
{
    private const int PageSize = 64;

    /// <summary>Whether there is anybody that rows could go to; which of a session's rows may, only the rows tell.</summary>
    public bool HasGroups => routes.HasGroups;

    /// <summary>Deliveries that are in memory only.</summary>
    public void Give(ClientSession from, IReadOnlyCollection<Delivery> deliveries)
    {
        if (deliveries.Count == 0)
        {
            return;
        }

        services.InBackground(batch =>
        {
            foreach (var delivery in deliveries)
            {
                Give(new Moving(delivery.Message, delivery.Share!, from, delivery.Retain) { Ticket = delivery.TakeTicket() }, batch);
            }
        });
    }

    /// <summary>A publish whose chosen member was gone when it was to have it; the publisher waits for the next one.</summary>
    public void GiveAgain(PublishJob job, Target chosen, bool retain) => services.InBackground(batch =>
        Give(new Moving(job.Message, chosen.Share!, chosen.Session, retain) { Ticket = job.TicketForTarget() }, batch));

    /// <summary>A delivery whose row was committed after its session had ended.</summary>
    public void GiveRow(ClientSession from, Delivery delivery) => services.InBackground(batch =>
        Give(new Moving(delivery.Message, delivery.Share!, from, delivery.Retain) { Row = (from.SessionId, delivery.Sequence) }, batch));

    /// <summary>
    /// Moves the rows of a session that has ended, then deletes the session's rows. When that fails they stay, and the next start finds
    /// them.
    /// </summary>
    /// <param name="ended">Null for rows that were found at the start.</param>
    public async Task MoveRowsThenDeleteAsync(long sessionId, ClientSession? ended)
    {
        try
        {
            await services.Store.FlushAsync();
            var after = 0L;
            while (true)
            {
                var rows = await services.Store.ReadQueueAsync(sessionId, after, PageSize);
                services.InBackground(batch =>
                {
                    foreach (var row in rows)
                    {
                        if (GroupOf(row) is { } group && ended?.Claim(row.Sequence) != false)
                        {
                            Give(new Moving(row.Message, group, ended, row.Retain) { Row = (sessionId, row.Sequence) }, batch);
                        }
                    }
                });
                if (rows.Count < PageSize)
                {
                    break;
                }

                after = rows[^1].Sequence;
            }

            services.Store.Submit(new RowWork(services, transaction => transaction.DeleteSession(sessionId)));
        }
        catch (Exception error)
        {
            services.Log.SharedNotMoved(error, ended?.ClientId ?? $"(session {sessionId})");
        }
    }

    /// <summary>The session has left the group: what it was not sent goes to other members.</summary>
    public async Task LeaveAsync(ClientSession from, SharedGroup group)
    {
        try
        {
            await MoveWaitingAsync(from, group, onlyLive: false);
        }
        catch (Exception error)
        {
            services.Log.SharedNotMoved(error, from.ClientId);
        }
    }

    /// <summary>Has members with room fetch what waits with members that are away; at once when somebody does it already.</summary>
    public void Reclaim(SharedGroup group)
    {
        if (group.HasBacklog && Interlocked.Exchange(ref group.Moving, 1) == 0)
        {
            _ = Task.Run(() => ReclaimAsync(group));
        }
    }

    private async Task ReclaimAsync(SharedGroup group)
    {
        try
        {
            while (group.HasBacklog)
            {
                group.HasBacklog = false;
                foreach (var member in routes.MembersOf(group.Filter))
                {
                    if (member.Session is { Connection: null, IsDurable: true, WaitingCount: > 0 } away && !await MoveWaitingAsync(away, group, onlyLive: true))
                    {
                        // No room now: whoever has some next asks again.
                        group.HasBacklog = true;
                        return;
                    }
                }
            }
        }
        catch (Exception error)
        {
            group.HasBacklog = true;
            services.Log.SharedNotMoved(error, group.Filter);
            return;
        }
        finally
        {
            Volatile.Write(ref group.Moving, 0);
            if (group.HasBacklog && routes.MembersOf(group.Filter).Any(member => member.Session is { Connection: not null, IsDurable: true, HasHeadroom: true })
                && routes.MembersOf(group.Filter).Any(member => member.Session is { Connection: null, IsDurable: true, WaitingCount: > 0 }))
            {
                // Room that came while this ended.
                Reclaim(group);
            }
        }
    }

    /// <summary>False when members that are there have no more room.</summary>
    private async Task<bool> MoveWaitingAsync(ClientSession from, SharedGroup group, bool onlyLive)
    {
        while (from.PeekWaiting(group) is { } delivery)
        {
            var taken = true;
            var moving = new Moving(delivery.Message, group, from, delivery.Retain)
            {
                Row = delivery.Durability == Durability.None ? null : (from.SessionId, delivery.Sequence),
                Ticket = delivery.Durability == Durability.None ? delivery.TakeTicket() : null,
                OnlyLive = onlyLive,
                Take = () => taken = from.TryTake(delivery, onlyLive),
            };
            var given = false;
            services.InBackground(batch => given = Give(moving, batch));
            if (!taken)
            {
                return true;
            }

            if (!given)
            {
                return false;
            }
        }

        var room = true;
        await from.ExamineStoredAsync(async after => room = await MoveStoredAsync(from, group, onlyLive, after));
        return room;
    }

    private async Task<bool> MoveStoredAsync(ClientSession from, SharedGroup group, bool onlyLive, long after)
    {
        await services.Store.FlushAsync();
        while (true)
        {
            var rows = await services.Store.ReadQueueAsync(from.SessionId, after, PageSize);
            var (room, taken) = (true, true);
            services.InBackground(batch =>
            {
                foreach (var row in rows)
                {
                    if (GroupOf(row) != group || row.PacketId != 0)
                    {
                        continue;
                    }

                    room = Give(
                        new Moving(row.Message, group, from, row.Retain) { Row = (from.SessionId, row.Sequence), OnlyLive = onlyLive, Take = () => taken = from.TryTake(row, onlyLive) },
                        batch);
                    if (!room || !taken)
                    {
                        return;
                    }
                }
            });
            if (!room && taken)
            {
                return false;
            }

            if (!taken || rows.Count < PageSize)
            {
                return true;
            }

            after = rows[^1].Sequence;
        }
    }

    /// <summary>The group of a stored delivery that may move.</summary>
    private SharedGroup? GroupOf(StoredDelivery row)
    {
        uint[] identifiers = [.. row.SubscriptionIdentifiers];
        return row.State == DeliveryState.Pending && (row.Qos == QualityOfService.AtLeastOnce || row.PacketId == 0)
            ? routes.FindGroup(SharedGroup.TakeMark(ref identifiers))
            : null;
    }

    /// <summary>False when nobody takes it; then it stays where it is if only members that are there were asked, and is dropped otherwise.</summary>
    private bool Give(Moving moving, FlushBatch batch)
    {
        var message = moving.Message;
        var request = new ShareRequest(message.Publisher, message.Topic.Span, message.Size) { Except = moving.From, OnlyLiveDurable = moving.OnlyLive };
        Target? target = null;
        foreach (var shared in routes.Match(routes.GetTopic(message.Topic.Span)).Shared)
        {
            if (shared.Group == moving.Group)
            {
                target = shared.Choose(request);
            }
        }

        if ((target is null && moving.OnlyLive) || moving.Take?.Invoke() == false)
        {
            return false;
        }

        var job = new PublishJob(services, message, storesFirst: true, makeTicket: null) { Carried = moving.Ticket };
        if (moving.Row is { } row)
        {
            job.Work.Move(row.SessionId, row.Sequence);
        }

        Deliver(job, target, moving.Retain, batch);
        if (job.Refusal != Abstractions.ReasonCode.Success)
        {
            job.Carried?.Fail(job.Refusal);
        }

        job.TicketForTarget()?.Complete(batch);
        job.Submit();
        return target is not null;
    }

    private void Deliver(PublishJob job, Target? target, bool retain, FlushBatch batch)
    {
        var message = job.Message;
        var qos = target is null || message.QualityOfService < target.Qos ? message.QualityOfService : target.Qos;
        if (target is null)
        {
            batch.Dropped++;
        }
        else if (qos != QualityOfService.AtMostOnce)
        {
            if (!target.Session.Deliver(job, target, qos, retain, batch))
            {
                // This one is gone too; each time there is one fewer.
                Give(new Moving(message, target.Share!, target.Session, retain) { Ticket = job.TicketForTarget() }, batch);
            }
        }
        else if (target.Session.Connection?.SendOnce(message, services.UnixMilliseconds, retain, target.SubscriptionIdentifiers, batch) == true)
        {
            batch.Delivered++;
        }
        else
        {
            batch.Dropped++;
        }
    }

    private sealed record Moving(ApplicationMessage Message, SharedGroup Group, ClientSession? From, bool Retain)
    {
        public (long SessionId, long Sequence)? Row { get; init; }

        public PublishTicket? Ticket { get; init; }

        /// <summary>Only to members that are there, have room, and are durable: the message is stored for as long as it takes.</summary>
        public bool OnlyLive { get; init; }

        /// <summary>Takes it from where it is, once it is known that it can go; false when it is not there any more.</summary>
        public Func<bool>? Take { get; init; }
    }
}
