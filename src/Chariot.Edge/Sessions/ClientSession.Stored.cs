using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>What of the deliveries is in the store: rows written, answered for, read back and removed.</summary>
internal sealed partial class ClientSession
{
    /// <summary>What the store holds for a session loaded at start.</summary>
    public void LoadStored(StoredQueueSize size)
    {
        _lastSequence = size.HighestSequence;
        _waitingCount = size.Count;
        _waitingBytes = size.Bytes;
        _spilled = size.Count > 0;
        _hadRows |= size.Count > 0;
        _mayHoldUnloadedIds = size.Count > 0;
        foreach (var share in _shares)
        {
            share.HasBacklog |= size.Count > 0;
        }
    }

    /// <summary>The row of <paramref name="delivery"/> is committed.</summary>
    public void OnStored(Delivery delivery, FlushBatch batch)
    {
        PublishTicket? ticket;
        var moves = false;
        lock (Gate)
        {
            delivery.Durability = Durability.Stored;
            ticket = delivery.TakeTicket();
            DropSettledSpills();
            if (delivery.Moved)
            {
                // Its row goes with it.
                delivery.AwaitsCommit = false;
            }
            else if (Ended && !_released && delivery.MayMove)
            {
                moves = _claimed.Add(delivery.Sequence);
            }
            else if (delivery.Done || (Ended && !_released))
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
        if (moves)
        {
            Services.Redelivery.GiveRow(this, delivery);
        }
    }

    /// <summary>The store refused the row: its publisher is not acknowledged; the delivery itself goes on in memory only when QoS 1.</summary>
    public void OnNotStored(Delivery delivery, ReasonCode reason, FlushBatch batch)
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
            else if (delivery.AwaitsCommit && delivery.Qos == QualityOfService.AtLeastOnce)
            {
                // It came from another member of a shared subscription: better sent from memory than not at all.
                delivery.AwaitsCommit = false;
                if (delivery.PacketId != 0 && _inflight.ContainsKey(delivery.PacketId) && _connection is not null)
                {
                    Send(delivery, batch);
                }

                Fill(batch);
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

        ticket?.Fail(reason);
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

    /// <summary>Reads stored deliveries until the window is full, nothing is left, or the client is gone.</summary>
    private async Task LoadMoreAsync()
    {
        try
        {
            while (await LoadSliceAsync())
            {
            }
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

    /// <summary>One read; true when the next one is due. <c>_loading</c> falls only when what was read has been sent.</summary>
    private async Task<bool> LoadSliceAsync()
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

        // After a restart the packet ids of QoS 2 are known from the rows alone: all that can have one are read at once, or a new
        // delivery could be given an id that a later row has.
        var size = _mayHoldUnloadedIds ? Math.Max(LoadSize, Services.Limits.MaximumInflight) : LoadSize;
        var rows = await Services.Store.ReadQueueAsync(SessionId, after, size);
        _mayHoldUnloadedIds = false;
        var batch = FlushBatch.Current;
        lock (Gate)
        {
            if (Ended)
            {
                return _loading = false;
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

                uint[] identifiers = [.. row.SubscriptionIdentifiers];
                var mark = SharedGroup.TakeMark(ref identifiers);
                _queue.PushBack(new Delivery(row.Message, row.Qos, row.Sequence)
                {
                    PacketId = row.PacketId,
                    State = row.State,
                    Retain = row.Retain,
                    SubscriptionIdentifiers = identifiers,
                    Share = mark == 0 ? null : Array.Find(_shares, share => share.Mark == mark),
                    Durability = Durability.Stored,
                    Sent = row.PacketId != 0,
                });
                _lastInMemory = row.Sequence;
                if (row.PacketId != 0)
                {
                    _reservedIds.Add(row.PacketId);
                }
            }

            if (rows.Count < size && _lastSequence == through)
            {
                _spilled = false;
                _lastInMemory = through;
            }

            Fill(batch);
        }

        batch.Flush(Services.Metrics);
        lock (Gate)
        {
            return _loading = MustLoad;
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

    private void RemoveRow(Delivery delivery) => Services.Store.Submit(new RemoveDeliveryWork(Services, SessionId, delivery.Sequence));
}
