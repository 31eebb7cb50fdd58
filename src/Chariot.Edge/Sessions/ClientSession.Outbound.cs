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
    private long _waitingBytes;
    private long _waitingCount;

    public int InflightCount => _inflight.Count;

    /// <summary>Deliveries that have not been sent, stored ones included.</summary>
    public long WaitingCount => Volatile.Read(ref _waitingCount);

    public bool HasHeadroom => _inflight.Count < _window && _queue.Count == 0 && !_spilled;

    /// <summary>What the store holds for a session loaded at start.</summary>
    public void LoadStored(StoredQueueSize size)
    {
        _lastSequence = size.HighestSequence;
        _waitingCount = size.Count;
        _waitingBytes = size.Bytes;
        _spilled = size.Count > 0;
        _hadRows = true;
    }

    /// <summary>
    /// Takes a message for this session at <paramref name="qos"/> 1 or 2. Sent at once when there is room, queued otherwise.
    /// For a durable session <paramref name="job"/> collects what must be stored and what its publisher waits for.
    /// </summary>
    public void Deliver(PublishJob job, Target target, QualityOfService qos, bool retain, FlushBatch batch)
    {
        lock (Gate)
        {
            if (Ended)
            {
                return;
            }

            var message = job.Message;
            if (!_isDurable)
            {
                DeliverTransient(new Delivery(message, qos, ++_lastSequence) { Retain = retain, SubscriptionIdentifiers = target.SubscriptionIdentifiers }, batch);
                return;
            }

            if (_waitingBytes + message.Size > Services.Limits.MaximumDurableQueueBytes)
            {
                batch.Dropped++;
                job.Refuse(ReasonCode.QuotaExceeded);
                return;
            }

            var delivery = new Delivery(message, qos, ++_lastSequence) { Retain = retain, SubscriptionIdentifiers = target.SubscriptionIdentifiers };
            if (job.StoresFirst)
            {
                // QoS 2: the row, with its packet id where it has one, is committed before the first byte goes out.
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

    /// <summary>The row of <paramref name="delivery"/> is committed.</summary>
    public void OnStored(Delivery delivery, FlushBatch batch)
    {
        PublishTicket? ticket;
        lock (Gate)
        {
            delivery.Durability = Durability.Stored;
            ticket = delivery.TakeTicket();
            DropSettledSpills();
            if (delivery.Done || Ended)
            {
                RemoveRow(delivery);
            }
            else if (delivery.AwaitsCommit)
            {
                delivery.AwaitsCommit = false;
                if (delivery.PacketId != 0 && _inflight.ContainsKey(delivery.PacketId) && _connection is not null)
                {
                    Send(delivery, batch);
                }
            }

            Fill(batch);
        }

        ticket?.Complete(batch);
    }

    /// <summary>The store refused the row: its publisher is not acknowledged; the delivery itself goes on in memory only when QoS 1.</summary>
    public void OnNotStored(Delivery delivery, FlushBatch batch)
    {
        PublishTicket? ticket;
        lock (Gate)
        {
            ticket = delivery.TakeTicket();
            delivery.Durability = Durability.None;
            if (delivery.Spilled)
            {
                delivery.Done = true;
                _waitingCount--;
                _waitingBytes -= delivery.Message.Size;
                DropSettledSpills();
            }
            else if (delivery.AwaitsCommit)
            {
                delivery.Done = true;
                if (delivery.PacketId != 0)
                {
                    _inflight.Remove(delivery.PacketId);
                }

                Fill(batch);
            }
        }

        ticket?.Fail(ReasonCode.QuotaExceeded);
        ticket?.Complete(batch);
    }

    /// <summary>
    /// The row keeps no packet id, so nothing may be sent under it: back to the front of the queue, for another try with the next
    /// commit, acknowledgement or connection.
    /// </summary>
    private void OnPacketIdNotStored(Delivery delivery)
    {
        lock (Gate)
        {
            delivery.AwaitsCommit = false;
            if (delivery.Done || Ended)
            {
                return;
            }

            if (_inflight.Remove(delivery.PacketId))
            {
                var earlier = new Stack<Delivery>();
                while (_queue.TryPeek(out var head) && head.Sequence < delivery.Sequence)
                {
                    earlier.Push(_queue.PopFront());
                }

                _queue.PushFront(delivery);
                while (earlier.TryPop(out var head))
                {
                    _queue.PushFront(head);
                }

                _waitingCount++;
                _waitingBytes += delivery.Message.Size;
            }

            _reservedIds.Remove(delivery.PacketId);
            delivery.PacketId = 0;
        }
    }

    /// <summary>Stores deliveries sent before <paramref name="sentBefore"/> and not acknowledged; true when younger ones remain.</summary>
    public bool PersistUnacknowledged(long sentBefore)
    {
        var work = new DeliveryWork(Services);
        bool more;
        lock (Gate)
        {
            while (_unpersisted.TryPeek(out var delivery) && (delivery.Done || delivery.Durability != Durability.None || delivery.SentAt <= sentBefore))
            {
                _unpersisted.Dequeue();
                if (!delivery.Done && delivery.Durability == Durability.None)
                {
                    Persist(delivery, work);
                }
            }

            if (!work.IsEmpty)
            {
                Services.Store.Submit(work);
            }

            more = _unpersisted.Count > 0;
        }

        return more;
    }

    public void OnPubAck(ushort packetId, FlushBatch batch)
    {
        lock (Gate)
        {
            // An unknown id is a late answer to something already settled: ignored.
            if (_inflight.TryGetValue(packetId, out var delivery) && delivery.Qos == QualityOfService.AtLeastOnce && !delivery.AwaitsCommit)
            {
                _inflight.Remove(packetId);
                Finish(delivery, batch);
                Fill(batch);
            }
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

    /// <summary>
    /// Removes what may no longer be delivered from the window's unsent part and the queue in memory. Rows of deliveries that
    /// were never loaded are removed by <see cref="PurgeStoredAsync"/>.
    /// </summary>
    public void Purge(PublishPredicate isDenied, FlushBatch batch)
    {
        lock (Gate)
        {
            var unsent = new List<ushort>();
            var removed = _connection?.Outbound.RemovePublishes(isDenied, unsent) ?? 0;
            batch.Dropped += removed;
            foreach (var packetId in unsent)
            {
                if (_inflight.Remove(packetId, out var delivery))
                {
                    Finish(delivery, batch);
                }
            }

            // Not sent yet, because their commit is under way.
            foreach (var delivery in _inflight.Values.Where(delivery => delivery.AwaitsCommit && isDenied(delivery.Message.Topic.Span)).ToList())
            {
                _inflight.Remove(delivery.PacketId);
                Finish(delivery, batch);
            }

            // What the client already has (sent, or QoS 2 released) runs to its end on the other side; here its retransmission ends.
            foreach (var delivery in _queue.RemoveAll(delivery => delivery.State == DeliveryState.Pending && isDenied(delivery.Message.Topic.Span)))
            {
                _waitingCount--;
                _waitingBytes -= delivery.Message.Size;
                batch.Dropped++;
                _reservedIds.Remove(delivery.PacketId);
                Finish(delivery, batch);
            }

            Fill(batch);
        }
    }

    /// <summary>
    /// Removes stored rows that may no longer be delivered and are not in memory. The rights must have been changed before: a
    /// read of the queue that is under way judges by them what it has read.
    /// </summary>
    public async Task PurgeStoredAsync(PublishPredicate isDenied)
    {
        var after = 0L;
        while (true)
        {
            Task load;
            lock (Gate)
            {
                if (!_spilled || Ended)
                {
                    return;
                }

                if (!_loading)
                {
                    _loading = true;
                    after = _lastInMemory;
                    break;
                }

                load = _load;
            }

            await load;
        }

        try
        {
            await PurgeRowsAsync(isDenied, after);
        }
        finally
        {
            var batch = FlushBatch.Current;
            lock (Gate)
            {
                _loading = false;
                Fill(batch);
            }

            batch.Flush(Services.Metrics);
        }
    }

    private async Task PurgeRowsAsync(PublishPredicate isDenied, long after)
    {
        await Services.Store.FlushAsync();
        while (true)
        {
            var rows = await Services.Store.ReadQueueAsync(SessionId, after, LoadSize);
            lock (Gate)
            {
                foreach (var row in rows)
                {
                    after = row.Sequence;
                    if (row.State == DeliveryState.Pending && isDenied(row.Message.Topic.Span))
                    {
                        RemoveUnloaded(row);
                    }
                }
            }

            if (rows.Count < LoadSize)
            {
                break;
            }
        }

        await Services.Store.FlushAsync();
    }

    private void RemoveUnloaded(StoredDelivery row)
    {
        _waitingCount--;
        _waitingBytes -= row.Message.Size;
        Services.Store.Submit(new RemoveDeliveryWork(Services, SessionId, row.Sequence));
    }

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

        if (_spilled && !_loading && _connection is not null && _queue.Count == 0)
        {
            _loading = true;
            _load = Task.Run(LoadMoreAsync);
        }
    }

    private async Task LoadMoreAsync()
    {
        try
        {
            await Services.Store.FlushAsync();
            long through;
            long after;
            lock (Gate)
            {
                // A publish may have been given its place in the queue and not submitted its row yet: what is behind it has to
                // wait for the next read, or it would be passed over.
                through = _unsettledSpills.TryPeek(out var unsettled) ? unsettled.Sequence - 1 : _lastSequence;
                after = _lastInMemory;
            }

            var rows = await Services.Store.ReadQueueAsync(SessionId, after, LoadSize);
            var batch = FlushBatch.Current;
            lock (Gate)
            {
                _loading = false;
                if (Ended)
                {
                    return;
                }

                var rights = _access.List;
                foreach (var row in rows.TakeWhile(row => row.Sequence <= through))
                {
                    // Rights may have been withdrawn since it was stored, or since it was read.
                    if (row.State == DeliveryState.Pending && !rights.AllowsSubscribe(Encoding.UTF8.GetString(row.Message.Topic.Span)))
                    {
                        RemoveUnloaded(row);
                        batch.Dropped++;
                        _lastInMemory = row.Sequence;
                        continue;
                    }

                    _queue.PushBack(new Delivery(row.Message, row.Qos, row.Sequence)
                    {
                        PacketId = row.PacketId,
                        State = row.State,
                        Retain = row.Retain,
                        SubscriptionIdentifiers = [.. row.SubscriptionIdentifiers],
                        Durability = Durability.Stored,
                        Sent = row.PacketId != 0,
                    });
                    _lastInMemory = row.Sequence;
                    if (row.PacketId != 0)
                    {
                        _reservedIds.Add(row.PacketId);
                    }
                }

                if (rows.Count < LoadSize && _lastSequence == through)
                {
                    _spilled = false;
                    _lastInMemory = through;
                }

                Fill(batch);
            }

            batch.Flush(Services.Metrics);
        }
        catch (Exception error)
        {
            lock (Gate)
            {
                _loading = false;
            }

            // The client keeps its connection; the next acknowledgement or reconnect tries again.
            Services.Log.QueueNotRead(error, ClientId);
        }
    }

    private void DropSettledSpills()
    {
        while (_unsettledSpills.TryPeek(out var delivery) && (delivery.Done || delivery.Durability == Durability.Stored))
        {
            _unsettledSpills.Dequeue();
        }
    }

    private void Persist(Delivery delivery, DeliveryWork work)
    {
        delivery.Durability = Durability.Submitted;
        _hadRows = true;
        work.Add(this, delivery);
    }

    /// <summary>
    /// Stores what was sent and is unacknowledged before something later is stored, or after a crash that would overtake it.
    /// Submitted at once, under the gate: the job of the later one may be submitted after that of a still later one.
    /// </summary>
    private void PersistAll()
    {
        if (_unpersisted.Count == 0)
        {
            return;
        }

        var work = new DeliveryWork(Services);
        while (_unpersisted.TryDequeue(out var earlier))
        {
            if (!earlier.Done && earlier.Durability == Durability.None)
            {
                Persist(earlier, work);
            }
        }

        if (!work.IsEmpty)
        {
            Services.Store.Submit(work);
        }
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

    private void RemoveRow(Delivery delivery) => Services.Store.Submit(new RemoveDeliveryWork(Services, SessionId, delivery.Sequence));

    private void CollectTickets(List<PublishTicket> tickets)
    {
        foreach (var delivery in _inflight.Values)
        {
            delivery.Done = true;
            if (delivery.TakeTicket() is { } ticket)
            {
                tickets.Add(ticket);
            }
        }

        for (var i = 0; i < _queue.Count; i++)
        {
            _queue[i].Done = true;
            if (_queue[i].TakeTicket() is { } ticket)
            {
                tickets.Add(ticket);
            }
        }
    }
}
