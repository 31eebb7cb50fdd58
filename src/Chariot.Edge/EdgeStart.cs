using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Edge.Configuration;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Links;
using Chariot.Edge.Listeners;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Microsoft.Extensions.Options;

namespace Chariot.Edge;

/// <summary>
/// Start and stop of the edge. No listener opens before every durable session of the store is held here with its routes, or a
/// publisher that reconnects first would miss subscribers that have not.
/// </summary>
public interface IEdgeStart
{
    /// <summary>Binds the plain ports.</summary>
    /// <exception cref="EdgePortException">One is in use or may not be opened; the message names it.</exception>
    void Bind();

    /// <summary>Loads sessions and retained messages, then accepts clients. The configuration must be in force.</summary>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Stops accepting, tells the clients to go (5.0: 0x8B, or 0x9C with a server reference), in a cluster in slices over at most 15 s,
    /// and returns when they are gone or 5 s after the last was told.
    /// </summary>
    Task CloseAsync();
}

internal sealed class EdgeStart(
    EdgeListeners listeners,
    EdgeConfiguration configuration,
    IConfigurationFeed feed,
    IGrainStateIndex states,
    IMessageStore store,
    SessionRegistry sessions,
    RetainedMessages retainedMessages,
    ConnectionRegistry connections,
    ConnectionSweep sweep,
    ConnectionDrain drain,
    SessionServices services,
    EdgePeers peers,
    SessionAdoption adoptions,
    MessageIds ids,
    IOptions<EdgeOptions> options,
    ServedCertificateProbe probe,
    EdgeLog log) : IEdgeStart
{
    private const int PageSize = 1000;

    /// <summary>What is not stored by then was not acknowledged either: a store that is away must not keep the process.</summary>
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(5);

    public void Bind() => listeners.BindPlain();

    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        services.SharesStore = options.Value.SharesStore;
        services.Ids = ids;
        services.OnFenced = (session, batch) =>
        {
            log.SessionFenced(session.ClientId);
            sessions.Release(session, batch);
        };
        await peers.JoinAsync(cancellationToken);
        adoptions.Joined();
        await LoadAsync(cancellationToken);
        configuration.Open();
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        store.GroupCompleted += () => FlushBatch.Current.Flush(services.Metrics);
        await foreach (var message in store.ReadRetainedAsync(cancellationToken))
        {
            retainedMessages.Set(message, int.MaxValue);
        }

        if (options.Value.SharesStore)
        {
            await adoptions.AdoptAllAsync(cancellationToken);
        }
        else
        {
            await LoadSessionsAsync(cancellationToken);
        }

        log.Loaded(sessions.Count, sessions.All.Sum(session => session.Subscriptions.Count), retainedMessages.Count);
        sweep.Start();
    }

    public async Task CloseAsync()
    {
        await probe.DisposeAsync();
        listeners.Close();
        await drain.RunAsync(inSlices: options.Value.SharesStore);
        await sweep.StopAsync();
        var deadline = Environment.TickCount64 + 5000;
        while (connections.Count > 0 && Environment.TickCount64 < deadline)
        {
            await Task.Delay(20);
        }

        foreach (var connection in connections.All)
        {
            connection.Abort();
        }

        try
        {
            await store.FlushAsync().WaitAsync(FlushLimit);
        }
        catch (TimeoutException)
        {
            log.StoppedWithoutStore();
        }
    }

    private async Task LoadSessionsAsync(CancellationToken cancellationToken)
    {
        var byId = new Dictionary<long, ClientSession>();
        string? after = null;
        while (true)
        {
            var page = await states.ReadAsync<SessionRecord>(StateNames.Session, after, PageSize, cancellationToken: cancellationToken);
            foreach (var (key, record) in page)
            {
                after = key;
                if (record.ExpirySeconds == 0)
                {
                    continue;
                }

                var session = sessions.AddStored(record, adoption: null)!;
                byId[record.SessionId] = session;
                session.Access = new ClientAccess(await AccessResolver.ResolveAsync(feed, record.Principal, record.ClientId, cancellationToken));
                sessions.Reconsider(session);
            }

            if (page.Count < PageSize)
            {
                break;
            }
        }

        foreach (var queue in await store.ReadQueuesAsync(cancellationToken))
        {
            if (byId.TryGetValue(queue.SessionId, out var session))
            {
                session.LoadStored(queue);
            }
        }

        foreach (var (sessionId, packetId) in await store.ReadInboundAsync(cancellationToken))
        {
            if (byId.TryGetValue(sessionId, out var session))
            {
                session.LoadInbound(packetId);
            }
        }

        // Rows of sessions that ended while the broker could not delete them any more; those of shared subscriptions go to other members.
        foreach (var sessionId in await store.ReadSessionIdsAsync(cancellationToken))
        {
            if (!byId.ContainsKey(sessionId))
            {
                await services.Redelivery.MoveRowsThenDeleteAsync(sessionId, ended: null);
            }
        }
    }
}
