using Chariot.Abstractions;
using Chariot.Abstractions.Edges;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Links;

/// <summary>Sessions that leave this edge for another. Never calls the session grain: that one is waiting.</summary>
internal sealed class SessionHandOver(SessionRegistry sessions, RouteTable routes, SessionEnd ends, ConnectionRegistry connections, SessionServices services)
{
    private static readonly TimeSpan FenceLimit = TimeSpan.FromSeconds(8);

    /// <summary>They are held longer only for the sessions of a silo that is dead and not adopted yet.</summary>
    private static readonly TimeSpan OwnPublishesLimit = TimeSpan.FromSeconds(3);

    /// <summary>Step 1, while the grain waits: the client is cut off, nothing more is sent to it.</summary>
    public void GiveUp(string clientId, long newEpoch)
    {
        sessions.RememberGivenUp(clientId, newEpoch);
        // One that waits to be fetched is the earlier taker's; a CONNECT that is not here yet finds what is remembered.
        if (sessions.Find(clientId) is not { IsGivenUp: false } session || session.Epoch >= newEpoch)
        {
            return;
        }

        var batch = FlushBatch.Current;
        if (session.IsDurable)
        {
            // To the first that took it: a CONNECT that has just made the session may not have seen yet what was remembered before it.
            var connection = session.GiveUp(sessions.TakenAfter(clientId, session.Epoch) ?? newEpoch);
            connection?.Close(ReasonCode.SessionTakenOver);
            // A delayed will is decided when it is known whether the session goes on.
            if ((connection is not null && session.Will is { DelaySeconds: 0 }) || session.WillDueAt <= services.Time.GetUtcNow())
            {
                ends.PublishWill(session);
            }
        }
        else
        {
            var connection = session.Connection;
            connection?.Close(ReasonCode.SessionTakenOver);
            if (connection is not null)
            {
                ends.TakenOver(session, sessionContinues: false);
            }

            sessions.Remove(session, batch);
        }

        batch.Flush(services.Metrics);
    }

    /// <summary>
    /// Step 2, when every silo knows the routes of the new owner: everything that was matched before is let in, then the session
    /// goes. Null when it is not here.
    /// </summary>
    public async Task<ReleasedSession?> ReleaseAsync(string clientId, long epoch, bool discard)
    {
        // Its client may have been here for a moment only: it comes here before it goes on.
        await sessions.Openings.WhenTakenAsync(clientId, epoch).WaitAsync(FenceLimit, services.Time);
        if (sessions.Find(clientId) is not { IsGivenUp: true } session || session.Epoch > epoch)
        {
            return null;
        }

        if (session.Arrival is { } arrival)
        {
            await arrival.WaitAsync(FenceLimit, services.Time);
            if (session.Ended)
            {
                return null;
            }
        }

        if (session.Adoption is { } adoption)
        {
            // What other silos still keep for it has to come here first.
            await adoption.WhenOverAsync().WaitAsync(FenceLimit, services.Time);
        }

        connections.WaitForBatches();
        services.StoreCallbacks.WaitForBatch();
        // Its client repeats at the new owner what it has no PUBREC for: what is on its way to other silos is committed here first.
        await Task.WhenAny(services.OpenPublishes.WhenEndedAsync(clientId), Task.Delay(OwnPublishesLimit, services.Time));
        await services.Peers.FenceAsync().WaitAsync(FenceLimit, services.Time);
        DeliverOpen(session);
        var released = session.Release();
        // What was let in has been handed to the store when the batches that let it in have ended.
        connections.WaitForBatches();
        services.StoreCallbacks.WaitForBatch();
        services.Peers.WaitForBatches();
        await services.Store.FlushAsync();
        // Its last QoS 2 publishes have been committed by now: repeated elsewhere they are known.
        released = released with { Inbound = session.CommittedInbound() };
        if (discard && session.Will is not null)
        {
            // The session ends, and with it the wait of its will [MQTT-3.1.2-8].
            ends.PublishWill(session);
        }

        var batch = FlushBatch.Current;
        if (discard)
        {
            sessions.Remove(session, batch);
        }
        else
        {
            sessions.Release(session, batch);
        }

        batch.Flush(services.Metrics);
        return released;
    }

    /// <summary>Its new owner is known here: what is published from now on finds it there.</summary>
    private void DeliverOpen(ClientSession session)
    {
        var batch = FlushBatch.Current;
        foreach (var (message, entry) in services.OpenPublishes.All)
        {
            if (Array.Find(routes.Match(entry).Targets, target => target.Session == session)?.For(message.Publisher) is { } target)
            {
                session.DeliverBeforeLeaving(message, target, batch);
            }
        }

        batch.Flush(services.Metrics);
    }
}
