using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Limiting;

/// <summary>
/// Looks, twice a second, at what all clients together ask of this node: bytes that wait for durable sessions, and memory. Under pressure the
/// ports are paused first; then those who send most are not read from, so that TCP slows them down at their end. All is undone when there is
/// room again.
/// </summary>
/// <param name="setPaused">Pauses or resumes accepting.</param>
internal sealed class OverloadGuard(ConnectionRegistry connections, SessionRegistry sessions, SessionServices services, Action<bool> setPaused, MemoryPressure pressure, EdgeLog log)
{
    private PressureLevel _level;

    public void Look()
    {
        LookAtQueues();
        LookAtMemory();
    }

    private void LookAtQueues()
    {
        var bytes = 0L;
        foreach (var session in sessions.All)
        {
            bytes += session.IsDurable ? session.WaitingBytes : 0;
        }

        var maximum = services.Limits.MaximumDurableBytes;
        var (before, now) = services.DurableQuota.Measure(bytes, maximum);
        if (now == before)
        {
            return;
        }

        switch (now)
        {
            case QuotaLevel.Refuses:
                log.DurableQueuesFull(bytes, maximum);
                break;
            case QuotaLevel.Alarm when before == QuotaLevel.Free:
                log.DurableQueuesFilling(bytes, maximum);
                break;
            default:
                log.DurableQueuesHaveRoom(bytes, maximum);
                break;
        }
    }

    private void LookAtMemory()
    {
        var before = _level;
        _level = pressure.Look(services.Limits.MaximumMemoryPercent);
        if (_level == PressureLevel.None)
        {
            if (before != PressureLevel.None)
            {
                Release();
                setPaused(false);
                log.MemoryIsFree();
            }

            return;
        }

        // Each time: a port may have been opened meanwhile.
        setPaused(true);
        if (before == PressureLevel.None)
        {
            services.Metrics.CountReached(LimitKind.MemoryAccept);
            log.MemoryIsShort(services.Limits.MaximumMemoryPercent);
        }

        if (_level == PressureLevel.Read)
        {
            HoldLargest();
        }
        else if (before == PressureLevel.Read)
        {
            Release();
        }
    }

    /// <summary>Stops reading from the fewest that together sent half of what came since the last look.</summary>
    private void HoldLargest()
    {
        List<(MqttConnection Connection, long Bytes)> senders = [];
        var total = 0L;
        foreach (var connection in connections.All)
        {
            var received = connection.BytesReceived;
            var since = received - connection.BytesAtLastLook;
            connection.BytesAtLastLook = received;
            if (since > 0)
            {
                senders.Add((connection, since));
                total += since;
            }
        }

        var held = 0L;
        foreach (var (connection, bytes) in senders.OrderByDescending(sender => sender.Bytes))
        {
            if (held * 2 >= total)
            {
                break;
            }

            held += bytes;
            connection.HoldReading();
            services.Metrics.CountReached(LimitKind.MemoryRead);
        }
    }

    private void Release()
    {
        foreach (var connection in connections.All)
        {
            connection.ResumeReading();
        }
    }
}
