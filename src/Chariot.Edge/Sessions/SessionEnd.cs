using Chariot.Abstractions.Sessions;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Packets;

namespace Chariot.Edge.Sessions;

/// <summary>What happens when a connection or a session ends: the will, the grain, the registry.</summary>
internal sealed class SessionEnd(SessionRegistry sessions, MessageRouter router, IGrainFactory grains, SessionServices services, EdgeLog log)
{
    /// <summary>The connection of a session is gone.</summary>
    public async ValueTask DisconnectedAsync(ClientSession session, MqttConnection connection)
    {
        var now = services.Time.GetUtcNow();
        if (!session.Detach(connection, now))
        {
            // Taken over: the session goes on elsewhere, and who took it has seen to the will.
            return;
        }

        log.Disconnected(session.ClientId, connection.CloseReason?.ToString() ?? (connection.PublishesWill ? "connection lost" : "by the client"));
        var ends = session.ExpirySeconds == 0;
        var keepWill = SettleWill(session, connection.PublishesWill, ends, now);
        if (ends)
        {
            var batch = FlushBatch.Current;
            sessions.Remove(session, batch);
            batch.Flush(services.Metrics);
        }
        else
        {
            session.OfferWaiting();
        }

        await grains.GetGrain<ISessionGrain>(session.ClientId).CloseAsync(session.Epoch, session.ExpirySeconds, keepWill);
    }

    /// <summary>The will of a connection that another took over: due as with any other abnormal end.</summary>
    public void TakenOver(ClientSession session, bool sessionContinues)
    {
        // A delayed will of a session that goes on is cancelled by the new connection [MQTT-3.1.3-9].
        if (session.Will is { } will && !(sessionContinues && will.DelaySeconds > 0))
        {
            PublishWill(session);
        }

        session.Will = null;
    }

    public void PublishWill(ClientSession session)
    {
        if (session.Will is not { } will)
        {
            return;
        }

        session.Will = null;
        session.WillDueAt = null;
        services.InBackground(batch =>
        {
            // Asked again: the right may be gone since CONNECT. A change of rights waits until this is over.
            if (session.Access.List.AllowsPublish(will.Topic))
            {
                router.PublishWill(will, session, batch);
            }
            else
            {
                log.WillDenied(session.ClientId);
            }
        });
    }

    /// <summary>The session's time is over.</summary>
    public async Task ExpireAsync(ClientSession session)
    {
        try
        {
            if (!await grains.GetGrain<ISessionGrain>(session.ClientId).RemoveAsync(session.Epoch))
            {
                return;
            }
        }
        catch (Exception error)
        {
            log.ExpiryFailed(error, session.ClientId);
            return;
        }

        // A will that is still delayed is due at the session's end [MQTT-3.1.2-8].
        PublishWill(session);
        var batch = FlushBatch.Current;
        sessions.Remove(session, batch);
        batch.Flush(services.Metrics);
    }

    /// <summary>Publishes or schedules the will of an ended connection; true when it is still to come.</summary>
    private bool SettleWill(ClientSession session, bool publishes, bool sessionEnds, DateTimeOffset now)
    {
        if (!publishes || session.Will is not { } will)
        {
            session.Will = null;
            return false;
        }

        if (will.DelaySeconds > 0 && !sessionEnds)
        {
            session.WillDueAt = now.AddSeconds(will.DelaySeconds);
            return true;
        }

        PublishWill(session);
        return false;
    }
}
