using System.Collections.Concurrent;
using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>The sessions that this edge holds, by client id, and their routes.</summary>
internal sealed class SessionRegistry
{
    private readonly ConcurrentDictionary<string, ClientSession> _sessions = new(StringComparer.Ordinal);
    private readonly RouteTable _routes;
    private readonly SessionServices _services;

    public SessionRegistry(RouteTable routes, SessionServices services)
    {
        (_routes, _services) = (routes, services);
        services.Redelivery = new SharedRedelivery(routes, services);
    }

    // Client ids whose session other silos have taken, with the epochs, rising, and the moment of the last.
    private readonly ConcurrentDictionary<string, (ImmutableArray<long> Epochs, long At)> _givenUp = new(StringComparer.Ordinal);

    /// <summary>Far longer than a CONNECT may take, milliseconds.</summary>
    private const long GivenUpIsRemembered = 60_000;

    /// <summary>Of one client id: far more than can be between CONNECTs that are under way.</summary>
    private const int EpochsRemembered = 16;

    /// <summary>Entries at which old ones are looked for.</summary>
    private const int ManyGivenUp = 10_000;

    public int Count => _sessions.Count;

    /// <summary>CONNECTs on their way to their session.</summary>
    public SessionOpenings Openings { get; } = new();

    /// <summary>
    /// Another silo has the session from <paramref name="epoch"/> on. Called before the session is looked for: a CONNECT under way here may
    /// have asked the grain first and come with its answer last.
    /// </summary>
    public void RememberGivenUp(string clientId, long epoch)
    {
        var now = Environment.TickCount64;
        _givenUp.AddOrUpdate(clientId, ([epoch], now), (_, known) => ([.. known.Epochs.Append(epoch).Order().TakeLast(EpochsRemembered)], now));
        if (_givenUp.Count > ManyGivenUp)
        {
            foreach (var old in _givenUp.Where(entry => now - entry.Value.At > GivenUpIsRemembered).ToList())
            {
                _givenUp.TryRemove(old);
            }
        }
    }

    /// <summary>The epoch of the first silo that has taken the session after <paramref name="epoch"/>: it fetches it; null when none has.</summary>
    public long? TakenAfter(string clientId, long epoch)
    {
        foreach (var taken in _givenUp.TryGetValue(clientId, out var known) ? known.Epochs : [])
        {
            if (taken > epoch)
            {
                return taken;
            }
        }

        return null;
    }

    public IEnumerable<ClientSession> All => _sessions.Values;

    public ClientSession? Find(string clientId) => _sessions.GetValueOrDefault(clientId);

    /// <summary>
    /// The session to go on with after the grain has opened it: the one held here when it is the same, else a new one with the
    /// subscriptions given. What was held before under the client id ends.
    /// </summary>
    /// <param name="expirySeconds">Of a new session, from the moment that others can see it.</param>
    /// <param name="arrives">A new session waits for what its last owner has.</param>
    public ClientSession Open(string clientId, Principal principal, OpenSessionResult opened, uint expirySeconds, bool arrives, FlushBatch batch)
    {
        while (true)
        {
            var held = Find(clientId);
            if (held is not null && held.SessionId == opened.SessionId && opened.SessionPresent && !held.Ended && !held.IsGivenUp)
            {
                return held;
            }

            var session = new ClientSession(clientId, opened.SessionId, principal, _services) { Epoch = opened.Epoch };
            session.SetExpiry(expirySeconds);
            if (arrives)
            {
                session.BeginArrival();
            }

            if (held is null ? _sessions.TryAdd(clientId, session) : _sessions.TryUpdate(clientId, session, held))
            {
                if (held is not null)
                {
                    RemoveRoutes(held);
                    held.End(batch, keepsRows: held.SessionId == opened.SessionId);
                }

                foreach (var record in opened.Subscriptions)
                {
                    Subscribe(session, record);
                }

                return session;
            }
        }
    }

    /// <summary>
    /// Adds a session that was loaded from the store, its client being away. With an <paramref name="adoption"/> it holds what comes
    /// until its queue is known; null when one is here already.
    /// </summary>
    public ClientSession? AddStored(SessionRecord record, Adoption? adoption)
    {
        var session = new ClientSession(record.ClientId, record.SessionId, record.Principal, _services) { Epoch = record.Epoch, Will = record.Will };
        session.SetExpiry(record.ExpirySeconds);
        session.SetAway(record.DisconnectedAt ?? _services.Time.GetUtcNow());
        ClientSession? replaced = null;
        if (adoption is not null)
        {
            session.Adoption = adoption;
            session.BeginArrival();
            if (!_sessions.TryAdd(record.ClientId, session))
            {
                // One that was given up to the silo that is gone now will not be fetched any more.
                if (Find(record.ClientId) is not { IsGivenUp: true } left || left.Epoch > record.Epoch || !_sessions.TryUpdate(record.ClientId, session, left))
                {
                    return null;
                }

                replaced = left;
            }
        }
        else
        {
            _sessions[record.ClientId] = session;
        }

        foreach (var subscription in record.Subscriptions)
        {
            Subscribe(session, subscription);
        }

        if (replaced is not null)
        {
            RemoveRoutes(replaced);
            replaced.End(FlushBatch.Current, keepsRows: true);
        }

        return session;
    }

    /// <summary>Ends a session and forgets it; nothing happens when another took its place.</summary>
    public void Remove(ClientSession session, FlushBatch batch)
    {
        if (_sessions.TryRemove(new KeyValuePair<string, ClientSession>(session.ClientId, session)))
        {
            RemoveRoutes(session);
            session.End(batch);
        }
    }

    /// <summary>Forgets a session that goes on elsewhere: its rows stay.</summary>
    public void Release(ClientSession session, FlushBatch batch)
    {
        if (_sessions.TryRemove(new KeyValuePair<string, ClientSession>(session.ClientId, session)))
        {
            RemoveRoutes(session);
            session.End(batch, keepsRows: true);
        }
    }

    /// <summary>Adds or replaces a subscription [MQTT-3.8.4-3]; true when there was none under this filter.</summary>
    public bool Subscribe(ClientSession session, SubscriptionRecord record)
    {
        var subscription = new Subscription(session, record);
        Subscription? replaced;
        lock (session.Gate)
        {
            if (session.Ended)
            {
                return false;
            }

            session.Subscriptions.Remove(record.Filter, out replaced);
            session.Subscriptions[record.Filter] = subscription;
            // The new one first: there is no gap in which a message matches neither.
            _routes.Add(subscription);
            if (replaced is not null)
            {
                _routes.Remove(replaced);
            }

            if (subscription.Share is { } share)
            {
                session.Joined(share);
            }
        }

        if (subscription.Share is { HasBacklog: true } backlog)
        {
            _services.Redelivery.Reclaim(backlog);
        }

        return replaced is null;
    }

    public void Unsubscribe(ClientSession session, string filter)
    {
        Subscription? subscription;
        lock (session.Gate)
        {
            if (!session.Subscriptions.Remove(filter, out subscription))
            {
                return;
            }

            _routes.Remove(subscription);
        }

        if (subscription.Share is { } share)
        {
            // What is in flight completes [MQTT-3.10.4-3]; what was not sent yet is the group's.
            _ = LeaveAsync(session, share);
        }
    }

    /// <summary>
    /// Suspends what the session's client may no longer have and resumes what it may again. Returns how many of each.
    /// </summary>
    public (int Suspended, int Resumed) Reconsider(ClientSession session)
    {
        var suspended = 0;
        var resumed = 0;
        lock (session.Gate)
        {
            foreach (var subscription in session.Subscriptions.Values)
            {
                var allowed = session.Access.List.AllowsSubscribe(subscription.Record.Filter);
                if (allowed != subscription.Active)
                {
                    _routes.SetActive(subscription, allowed);
                    _ = allowed ? resumed++ : suspended++;
                }
            }
        }

        return (suspended, resumed);
    }

    private async Task LeaveAsync(ClientSession session, SharedGroup share)
    {
        await _services.Redelivery.LeaveAsync(session, share);
        lock (session.Gate)
        {
            if (!session.Subscriptions.ContainsKey(share.Filter))
            {
                session.Left(share);
            }
        }
    }

    private void RemoveRoutes(ClientSession session)
    {
        lock (session.Gate)
        {
            foreach (var subscription in session.Subscriptions.Values)
            {
                _routes.Remove(subscription);
            }

            session.Subscriptions.Clear();
        }
    }
}
