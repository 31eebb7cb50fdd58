using Chariot.Abstractions;
using Chariot.Edge.Connections;

namespace Chariot.Edge.Sessions;

/// <summary>
/// A QoS 2 PUBLISH of a client here that other silos have to settle before it is committed here. What the same client publishes at
/// QoS 2 after it is committed after it: <see cref="ExactlyOnceOrder"/>.
/// </summary>
internal sealed class ExactlyOncePublish(ExactlyOnceOrder order, Action<ReasonCode, FlushBatch> commit) : PublishTicket
{
    public bool IsSettled { get; private set; }

    public ReasonCode Reason { get; private set; }

    public void Commit(FlushBatch batch) => commit(Reason, batch);

    protected override void Settle(ReasonCode reason, FlushBatch batch)
    {
        Reason = reason;
        order.OnSettled(batch, () => IsSettled = true);
    }
}

/// <summary>The QoS 2 publishes of one client that wait for other silos, in the order in which they were published.</summary>
internal sealed class ExactlyOnceOrder
{
    private readonly Lock _gate = new();
    private readonly Queue<ExactlyOncePublish> _waiting = new();
    private bool _committing;

    /// <summary>Something waits: what comes now has to stand behind it.</summary>
    public bool IsBusy
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count > 0 || _committing;
            }
        }
    }

    public void Add(ExactlyOncePublish publish)
    {
        lock (_gate)
        {
            _waiting.Enqueue(publish);
        }
    }

    /// <summary>Commits what is settled at the head, one at a time and outside the lock.</summary>
    public void OnSettled(FlushBatch batch, Action mark)
    {
        lock (_gate)
        {
            mark();
            if (_committing)
            {
                return;
            }

            _committing = true;
        }

        while (true)
        {
            ExactlyOncePublish? head;
            lock (_gate)
            {
                if (!_waiting.TryPeek(out head) || !head.IsSettled)
                {
                    _committing = false;
                    return;
                }

                _waiting.Dequeue();
            }

            head.Commit(batch);
        }
    }
}
