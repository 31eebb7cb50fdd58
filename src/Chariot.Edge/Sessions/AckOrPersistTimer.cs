namespace Chariot.Edge.Sessions;

/// <summary>
/// Persists QoS 1 deliveries that their durable subscriber has not acknowledged in time. Ticks only while there are any:
/// every 10 ms, and a delivery is taken when it is 10 ms old, so that none waits longer than 20 ms (architecture, section on
/// durability).
/// </summary>
internal sealed class AckOrPersistTimer : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly Timer _timer;
    private HashSet<ClientSession> _waiting = [];
    private HashSet<ClientSession> _spare = [];
    private bool _running;

    public AckOrPersistTimer() => _timer = new Timer(_ => Tick(), null, Timeout.Infinite, Timeout.Infinite);

    public void Watch(ClientSession session)
    {
        lock (_gate)
        {
            _waiting.Add(session);
            if (!_running)
            {
                _running = true;
                _timer.Change(Period, Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        HashSet<ClientSession> due;
        lock (_gate)
        {
            due = _waiting;
            _waiting = _spare;
        }

        var sentBefore = Environment.TickCount64 - (long)Period.TotalMilliseconds;
        foreach (var session in due)
        {
            if (session.PersistUnacknowledged(sentBefore))
            {
                Watch(session);
            }
        }

        due.Clear();
        lock (_gate)
        {
            _spare = due;
            _running = _waiting.Count > 0;
            if (_running)
            {
                _timer.Change(Period, Timeout.InfiniteTimeSpan);
            }
        }
    }
}
