using Chariot.Edge.Sessions;

namespace Chariot.Edge.Limiting;

/// <summary>
/// Paces accepting, on all ports of the node together: after a burst, connections are taken at the rate of the limit, and those that come
/// faster wait in the backlog. Nobody is refused: after an outage a fleet is let in at a speed that the node can serve.
/// </summary>
internal sealed class ConnectPace(SessionServices services)
{
    private readonly Lock _gate = new();
    private EventRate _rate;

    /// <summary>Counts a connection that was accepted; answers how long it has to wait before it is served.</summary>
    public TimeSpan Take()
    {
        var limit = services.Limits.MaximumConnectRate;
        if (limit == 0)
        {
            return TimeSpan.Zero;
        }

        long wait;
        lock (_gate)
        {
            wait = _rate.Count(1, limit, services.Time.GetTimestamp(), services.Time.TimestampFrequency);
        }

        if (wait > 0)
        {
            services.Metrics.CountReached(LimitKind.ConnectRate);
        }

        return TimeSpan.FromSeconds((double)wait / services.Time.TimestampFrequency);
    }
}
