using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>Copies that wait and may no longer be delivered, in memory and in the store.</summary>
internal sealed partial class ClientSession
{
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
    public Task PurgeStoredAsync(PublishPredicate isDenied) => ExamineStoredAsync(after => PurgeRowsAsync(isDenied, after));

    /// <summary>
    /// Lets <paramref name="examine"/> read rows that are not in memory, those above the sequence that it gets, and holds off readers of
    /// the queue meanwhile. Not called when there are none.
    /// </summary>
    public async Task ExamineStoredAsync(Func<long, Task> examine)
    {
        var after = 0L;
        // For others who want the same.
        var examined = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
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
                    _load = examined.Task;
                    after = _lastInMemory;
                    break;
                }

                load = _load;
            }

            await load;
        }

        try
        {
            await examine(after);
        }
        finally
        {
            var batch = FlushBatch.Current;
            lock (Gate)
            {
                _loading = false;
                Fill(batch);
            }

            examined.SetResult();
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
}
