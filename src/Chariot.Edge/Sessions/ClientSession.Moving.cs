using System.Collections.Immutable;
using Chariot.Abstractions;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>
/// A durable session that moves between edges. The old one is given up: it sends nothing more and stores what comes. The new one
/// arrives: it holds what comes, until all silos know its routes and the old one has been released. What both got is dropped here.
/// </summary>
internal sealed partial class ClientSession
{
    private HashSet<long>? _storedSinceGivenUp;
    private List<HeldDelivery>? _arriving;
    private List<PublishTicket>? _whenArrived;
    private bool _released;
    private long _arrivalId;
    private HashSet<long>? _knownElsewhere;
    private TaskCompletionSource? _left;

    /// <summary>Its client is on another silo.</summary>
    public bool IsGivenUp => _storedSinceGivenUp is not null;

    /// <summary>Completes when a session that was given up is not here any more.</summary>
    public async Task WhenLeftAsync()
    {
        Task left;
        lock (Gate)
        {
            left = Ended || !IsGivenUp ? Task.CompletedTask : (_left ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        await left;
    }

    /// <summary>Waits for its old owner; null when it need not.</summary>
    public Task<bool>? Arrival { get; set; }

    /// <summary>Works on its rows are refused by the store when a higher epoch has been there; 0: not asked.</summary>
    public long FenceEpoch { get; set; }

    /// <summary>How it came here when its silo died; null when it did not.</summary>
    public Adoption? Adoption { get; set; }

    public void BeginArrival()
    {
        _arriving = [];
        _arrivalId = Services.Ids?.Next() ?? 0;
    }

    /// <summary>
    /// A QoS 2 publish of a client here: its packet id is committed with the rows of its targets, and this one writes none before it has
    /// arrived. The ticket waits for that, and for nothing when it has.
    /// </summary>
    public void WhenArrived(PublishTicket ticket)
    {
        lock (Gate)
        {
            if (_arriving is not null)
            {
                ticket.Add();
                (_whenArrived ??= []).Add(ticket);
            }
        }
    }

    /// <summary>Holds what comes; asked without the gate.</summary>
    public bool IsArriving => Volatile.Read(ref _arriving) is not null;

    /// <summary>Refuses the work when another silo owns the session.</summary>
    public void Fence(IStoreTransaction transaction)
    {
        if (FenceEpoch != 0)
        {
            transaction.Fence(SessionId, FenceEpoch);
        }
    }

    /// <summary>Sends nothing more and has everything stored that is not. Returns its connection, which is to be closed.</summary>
    public MqttConnection? GiveUp(long newEpoch)
    {
        lock (Gate)
        {
            if (IsGivenUp)
            {
                // Who took it first fetches it.
                return null;
            }

            var connection = _connection;
            _connection = null;
            Epoch = newEpoch;
            DisconnectedAt = null;
            _storedSinceGivenUp = [];
            RequeueUnacknowledged();
            _unpersisted.Clear();
            var work = new DeliveryWork(Services);
            for (var i = 0; i < _queue.Count; i++)
            {
                if (_queue[i] is { Done: false, Durability: Durability.None } delivery)
                {
                    Persist(delivery, work);
                }
            }

            if (!work.IsEmpty)
            {
                Services.Store.Submit(work);
            }

            return connection;
        }
    }

    /// <summary>A QoS 2 publish that is still to be routed here, when this session has left: it is stored now, and not again then.</summary>
    public void DeliverBeforeLeaving(ApplicationMessage message, Target target, FlushBatch batch)
    {
        var qos = message.QualityOfService < target.Qos ? message.QualityOfService : target.Qos;
        lock (Gate)
        {
            if (qos == QualityOfService.AtMostOnce || _storedSinceGivenUp?.Contains(message.Id) != false)
            {
                return;
            }

            var job = new PublishJob(Services, message, storesFirst: false, makeTicket: null) { IsAdmitted = true };
            Deliver(job, target, qos, message.Retain && target.RetainAsPublished, batch);
            job.Submit();
        }
    }

    /// <summary>Takes nothing more; returns what it stored meanwhile. Complete when the store has been flushed.</summary>
    public ReleasedSession Release()
    {
        lock (Gate)
        {
            _released = true;
            return new ReleasedSession(
                SessionId,
                _waitingCount,
                _waitingBytes,
                _lastSequence,
                [.. _storedSinceGivenUp ?? []],
                CommittedInbound());
        }
    }

    /// <summary>
    /// Goes on with what its old owner left in the store; what came here meanwhile is stored behind it. Given up in the meantime it does the
    /// same, for the next owner.
    /// </summary>
    public void Arrive(ReleasedSession state, long epoch, FlushBatch batch)
    {
        List<PublishTicket> settled = [];
        lock (Gate)
        {
            if (Ended || _arriving is not { } held)
            {
                return;
            }

            _arriving = null;
            LoadStored(new StoredQueueSize(SessionId, state.Count, state.Bytes, state.HighestSequence));
            // Rows that a silo cut off may still write have lower numbers, whenever they come.
            _lastSequence = Math.Max(_lastSequence, FirstSequence(epoch));
            foreach (var packetId in state.Inbound)
            {
                _inbound[packetId] = true;
                _hadRows = true;
            }

            var known = state.Held.ToHashSet();
            _knownElsewhere = [.. known];
            var work = new DeliveryWork(Services);
            foreach (var one in held)
            {
                if (!known.Add(one.Message.Id))
                {
                    if (one.Ticket is not null)
                    {
                        settled.Add(one.Ticket);
                    }

                    continue;
                }

                var delivery = new Delivery(one.Message, one.Qos, ++_lastSequence) { Retain = one.Retain, SubscriptionIdentifiers = one.SubscriptionIdentifiers, Ticket = one.Ticket };
                Persist(delivery, work);
                Enqueue(delivery);
            }

            if (!work.IsEmpty)
            {
                Services.Store.Submit(work);
            }

            settled.AddRange(_whenArrived ?? []);
            _whenArrived = null;
            // While it was on its way to here a message could match three silos: the next owner is told of all that two of them had.
            _storedSinceGivenUp?.UnionWith(known);
        }

        settled.ForEach(ticket => ticket.Complete(batch));
    }

    /// <summary>Sequences of an owner are above those of every earlier one: 2^12 more per microsecond of its epoch.</summary>
    public static long FirstSequence(long epoch) => epoch << 12;

    /// <summary>Nothing is under way here any more that an earlier owner has as well.</summary>
    public void ForgetKnownElsewhere()
    {
        lock (Gate)
        {
            _knownElsewhere = null;
        }
    }

    /// <summary>
    /// A message that an earlier owner has stored, and that was slower on its way to here; or a QoS 2 publish that other silos had before it
    /// is routed here: when it was published, this session was still one of theirs.
    /// </summary>
    private bool WasElsewhere(PublishJob job) =>
        ((job.Forwarded is not null || job.IsFromPeer) && _knownElsewhere?.Contains(job.Message.Id) == true)
        || (job.Forwarded is { } forwarded && ((forwarded.GoesElsewhere && _arrivalId != 0 && job.Message.Id < _arrivalId) || _storedSinceGivenUp?.Contains(job.Message.Id) == true));

    private void Hold(PublishJob job, Target target, QualityOfService qos, bool retain) =>
        _arriving!.Add(new HeldDelivery(job.Message, qos, retain, target.SubscriptionIdentifiers, job.TicketForTarget()));

    private void ReleaseHeld(List<PublishTicket> tickets, bool failed)
    {
        foreach (var one in _arriving ?? [])
        {
            if (one.Ticket is not null)
            {
                if (failed)
                {
                    one.Ticket.Fail(PublishTicket.NotTaken);
                }

                tickets.Add(one.Ticket);
            }
        }

        tickets.AddRange(_whenArrived ?? []);
        (_arriving, _whenArrived) = (null, null);
    }

    private sealed record HeldDelivery(ApplicationMessage Message, QualityOfService Qos, bool Retain, uint[] SubscriptionIdentifiers, PublishTicket? Ticket);
}
