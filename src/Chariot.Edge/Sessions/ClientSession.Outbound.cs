using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>QoS 1/2 to the client: the window of unacknowledged deliveries, what waits for room in it, what is stored.</summary>
internal sealed partial class ClientSession
{
    /// <summary>Deliveries of a durable session kept in memory while they wait; the rest is read from the store when its turn comes.</summary>
    private const int MemoryLimit = 1000;

    private const int LoadSize = 256;

    private readonly Dictionary<ushort, Delivery> _inflight = [];
    private readonly DeliveryQueue _queue = new();
    private readonly Queue<Delivery> _unpersisted = new();
    private readonly Queue<Delivery> _unsettledSpills = new();
    private readonly HashSet<ushort> _reservedIds = [];
    private int _window = 1;
    private ushort _lastPacketId;
    private long _lastSequence;
    private long _lastInMemory;
    private bool _spilled;
    private bool _loading;
    private Task _load = Task.CompletedTask;
    private bool _hadRows;
    private bool _mayHoldUnloadedIds;
    private long _waitingBytes;
    private long _waitingCount;

    public int InflightCount => _inflight.Count;

    /// <summary>Deliveries that have not been sent, stored ones included.</summary>
    public long WaitingCount => Volatile.Read(ref _waitingCount);

    public bool HasHeadroom => _inflight.Count < _window && _queue.Count == 0 && !_spilled;

    /// <summary>
    /// Takes a message for this session at <paramref name="qos"/> 1 or 2. Sent at once when there is room, queued otherwise.
    /// For a durable session <paramref name="job"/> collects what must be stored and what its publisher waits for. False when the
    /// session has ended, or ends with a connection that is gone: another member of a shared subscription should have it.
    /// </summary>
    public bool Deliver(PublishJob job, Target target, QualityOfService qos, bool retain, FlushBatch batch)
    {
        lock (Gate)
        {
            if (Ended || _released)
            {
                return false;
            }

            if (WasElsewhere(job))
            {
                return true;
            }

            if (_arriving is null && !_isDurable && _connection is null)
            {
                return false;
            }

            var message = job.Message;
            if (_arriving is not null)
            {
                Hold(job, target, qos, retain);
                return true;
            }

            _storedSinceGivenUp?.Add(message.Id);
            if (!_isDurable)
            {
                DeliverTransient(new Delivery(message, qos, ++_lastSequence) { Share = target.Share, Retain = retain, SubscriptionIdentifiers = target.SubscriptionIdentifiers }, batch);
                return true;
            }

            if (!job.IsAdmitted && IsOverBudget(message.Size))
            {
                batch.Dropped++;
                job.Refuse(ReasonCode.QuotaExceeded);
                return true;
            }

            var delivery = new Delivery(message, qos, ++_lastSequence) { Share = target.Share, Retain = retain, SubscriptionIdentifiers = target.SubscriptionIdentifiers };
            if (job.StoresFirst)
            {
                // QoS 2: the row, with its packet id where it has one, is committed before the first byte goes out.
                delivery.Ticket = job.TicketForTarget();
                Persist(delivery, job.Work);
                delivery.AwaitsCommit = true;
                if (CanSend)
                {
                    Admit(delivery);
                }
                else
                {
                    Enqueue(delivery);
                }
            }
            else if (CanSend)
            {
                delivery.Ticket = job.TicketForTarget();
                Admit(delivery);
                Send(delivery, batch);
                _unpersisted.Enqueue(delivery);
                Services.Acknowledgements.Watch(this);
            }
            else
            {
                delivery.Ticket = job.TicketForTarget();
                PersistAll();
                Persist(delivery, job.Work);
                Enqueue(delivery);
            }

            return true;
        }
    }

    /// <summary>A message without a publisher that waits (retained replay): queued in memory, and for a durable session stored as any other.</summary>
    private void DeliverTransient(Delivery delivery, FlushBatch batch)
    {
        if (_spilled && _waitingBytes < Services.Limits.MaximumDurableQueueBytes)
        {
            // It was durable before this connection and has a stored queue: this one takes its place at the end of it.
            var work = new DeliveryWork(Services);
            Persist(delivery, work);
            Enqueue(delivery);
            Services.Store.Submit(work);
        }
        else if (CanSend)
        {
            Admit(delivery);
            Send(delivery, batch);
        }
        else if (_connection is not null && !_spilled && _queue.Count < Services.Limits.MaximumQueuedMessages && _waitingBytes < Services.Limits.MaximumQueuedBytes)
        {
            Enqueue(delivery);
        }
        else
        {
            batch.Dropped++;
        }
    }

    /// <summary>ProtocolError for the id of a QoS 2 message, which only PUBREC and PUBCOMP answer.</summary>
    public ReasonCode OnPubAck(ushort packetId, FlushBatch batch)
    {
        lock (Gate)
        {
            // An unknown id is a late answer to something already settled: ignored.
            if (!_inflight.TryGetValue(packetId, out var delivery) || delivery.AwaitsCommit)
            {
                return ReasonCode.Success;
            }

            if (delivery.Qos != QualityOfService.AtLeastOnce)
            {
                return ReasonCode.ProtocolError;
            }

            _inflight.Remove(packetId);
            Finish(delivery, batch);
            Fill(batch);
            return ReasonCode.Success;
        }
    }

    public void OnPubRec(MqttConnection connection, ushort packetId, ReasonCode reason, FlushBatch batch)
    {
        lock (Gate)
        {
            if (!_inflight.TryGetValue(packetId, out var delivery) || delivery.Qos != QualityOfService.ExactlyOnce || delivery.AwaitsCommit)
            {
                // 5.0 section 4.3.3: a PUBREL is still owed, and says that the id is unknown.
                connection.SendAcknowledgement(PacketType.PubRel, packetId, ReasonCode.PacketIdentifierNotFound, batch);
                return;
            }

            if (reason >= ReasonCode.UnspecifiedError)
            {
                _inflight.Remove(packetId);
                Finish(delivery, batch);
                Fill(batch);
                return;
            }

            if (delivery.State == DeliveryState.Released || delivery.Durability == Durability.None)
            {
                delivery.State = DeliveryState.Released;
                connection.SendAcknowledgement(PacketType.PubRel, packetId, ReasonCode.Success, batch);
                return;
            }

            var (id, sequence) = (SessionId, delivery.Sequence);
            Services.Store.Submit(new RowWork(
                Services,
                transaction => transaction.SetDeliveryState(id, sequence, packetId, DeliveryState.Released),
                committed => Release(delivery, committed)));
        }
    }

    public void OnPubComp(ushort packetId, FlushBatch batch)
    {
        lock (Gate)
        {
            if (_inflight.TryGetValue(packetId, out var delivery) && delivery.State == DeliveryState.Released)
            {
                _inflight.Remove(packetId);
                Finish(delivery, batch);
                Fill(batch);
            }
        }
    }

    /// <summary>
    /// Redelivers after a reconnect: everything unacknowledged, in the original order and with the original ids [MQTT-4.4.0-1],
    /// [MQTT-4.6.0-1], then what waits.
    /// </summary>
    public void Resume(FlushBatch batch)
    {
        lock (Gate)
        {
            Fill(batch);
        }
    }

    private bool MustLoad => _spilled && _connection is not null && _queue.Count == 0;

    private bool CanSend => _connection is not null && _queue.Count == 0 && !_spilled && _inflight.Count < _window;

    private void Release(Delivery delivery, FlushBatch batch)
    {
        lock (Gate)
        {
            delivery.State = DeliveryState.Released;
            if (_connection is { } connection && _inflight.ContainsKey(delivery.PacketId))
            {
                connection.SendAcknowledgement(PacketType.PubRel, delivery.PacketId, ReasonCode.Success, batch);
            }
        }
    }

    private void RequeueUnacknowledged()
    {
        foreach (var delivery in _inflight.Values.OrderByDescending(delivery => delivery.Sequence).ToList())
        {
            _reservedIds.Add(delivery.PacketId);
            _queue.PushFront(delivery);
        }

        _waitingCount += _inflight.Count;
        _waitingBytes += _inflight.Values.Sum(delivery => (long)delivery.Message.Size);
        _inflight.Clear();
    }

    private void Admit(Delivery delivery)
    {
        if (delivery.PacketId == 0)
        {
            do
            {
                _lastPacketId = _lastPacketId == ushort.MaxValue ? (ushort)1 : (ushort)(_lastPacketId + 1);
            }
            while (_inflight.ContainsKey(_lastPacketId) || _reservedIds.Contains(_lastPacketId));
            delivery.PacketId = _lastPacketId;
        }
        else
        {
            _reservedIds.Remove(delivery.PacketId);
        }

        _inflight[delivery.PacketId] = delivery;
    }

    private void Send(Delivery delivery, FlushBatch batch)
    {
        if (_connection!.SendPublish(delivery, batch))
        {
            delivery.Sent = true;
            delivery.SentAt = Environment.TickCount64;
            batch.Delivered++;
            return;
        }

        // Larger than the client's Maximum Packet Size: treated as sent and acknowledged [MQTT-3.1.2-25].
        batch.Dropped++;
        _inflight.Remove(delivery.PacketId);
        Finish(delivery, batch);
    }

    private void Enqueue(Delivery delivery)
    {
        _waitingCount++;
        _waitingBytes += delivery.Message.Size;
        if (_spilled || (_isDurable && _queue.Count >= MemoryLimit))
        {
            // Its row is (about to be) stored; it is read back when its turn comes.
            if (!_spilled)
            {
                _spilled = true;
                _lastInMemory = delivery.Sequence - 1;
            }

            delivery.Spilled = true;
            _unsettledSpills.Enqueue(delivery);
            return;
        }

        _queue.PushBack(delivery);
        _lastInMemory = delivery.Sequence;
    }

    private void Fill(FlushBatch batch)
    {
        while (_connection is not null && _inflight.Count < _window && _queue.TryPeek(out var delivery))
        {
            if (!delivery.Done && delivery.AwaitsCommit)
            {
                return;
            }

            _queue.PopFront();
            _waitingCount--;
            _waitingBytes -= delivery.Message.Size;
            if (delivery.Done)
            {
                _reservedIds.Remove(delivery.PacketId);
                continue;
            }

            if (!delivery.Sent && delivery.Message.ExpiresAt <= Services.UnixMilliseconds)
            {
                batch.Dropped++;
                _reservedIds.Remove(delivery.PacketId);
                Finish(delivery, batch);
                continue;
            }

            var needsId = delivery.PacketId == 0;
            Admit(delivery);
            if (delivery.State == DeliveryState.Released)
            {
                _connection.SendAcknowledgement(PacketType.PubRel, delivery.PacketId, ReasonCode.Success, batch);
            }
            else if (delivery.Qos == QualityOfService.ExactlyOnce && needsId && delivery.Durability != Durability.None)
            {
                delivery.AwaitsCommit = true;
                var (id, sequence, packetId) = (SessionId, delivery.Sequence, delivery.PacketId);
                Services.Store.Submit(new RowWork(
                    Services,
                    transaction => transaction.SetDeliveryState(id, sequence, packetId, DeliveryState.Pending),
                    committed => OnStored(delivery, committed),
                    () => OnPacketIdNotStored(delivery)));
            }
            else
            {
                Send(delivery, batch);
            }
        }

        if (MustLoad && !_loading)
        {
            _loading = true;
            _load = Task.Factory.StartNew(LoadMoreAsync, CancellationToken.None, TaskCreationOptions.DenyChildAttach, Services.Scheduler).Unwrap();
        }

        FetchBacklog();
        TellOfRoom();
    }

    private void Finish(Delivery delivery, FlushBatch batch)
    {
        delivery.Done = true;
        delivery.TakeTicket()?.Complete(batch);
        if (delivery.Durability == Durability.Stored)
        {
            RemoveRow(delivery);
        }
    }
}
