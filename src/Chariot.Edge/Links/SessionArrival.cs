using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Orleans.Runtime;

namespace Chariot.Edge.Links;

/// <summary>Sessions that come to this edge from another, or from the store when that one is dead.</summary>
internal sealed class SessionArrival(IPeerLinks links, SessionRegistry sessions, SessionServices services, PeerLog log)
{
    private const int PageSize = 1000;
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Before a CONNECT takes its session: those that the grain served before have taken theirs, and one that leaves for the silo that it
    /// comes back from has left. Not without bound: that silo may hang.
    /// </summary>
    public async Task WhenFreeAsync(string clientId, OpenSessionResult opened)
    {
        try
        {
            await sessions.Openings.WhenTakenAsync(clientId, opened.Epoch).WaitAsync(ReleaseLimit, services.Time);
            if (opened.PreviousOwner is not null && sessions.Find(clientId) is { IsGivenUp: true } leaving)
            {
                await leaving.WhenLeftAsync().WaitAsync(ReleaseLimit, services.Time);
            }
        }
        catch (TimeoutException)
        {
            log.StillLeaving(clientId, ReleaseLimit.TotalSeconds);
        }
    }

    /// <summary>
    /// Make before break: 1. every silo knows the routes here, 2. the old owner lets go, 3. the store refuses it, 4. the session goes
    /// on. Goes on without the connection that began it; false when the session ended meanwhile.
    /// </summary>
    public async Task<bool> RunAsync(ClientSession session, SiloAddress? previous, long epoch)
    {
        while (!await services.Peers.WhenRoutesKnownAsync(withRetained: false))
        {
            if (session.Ended)
            {
                return false;
            }
        }

        var released = previous is null ? null : await TryReleaseAsync(previous, session.ClientId, epoch, discard: false);
        while (!session.Ended)
        {
            try
            {
                await FenceAsync(session, epoch);
                released ??= await ReadAsync(session.SessionId);
                var batch = FlushBatch.Current;
                session.Arrive(released, epoch, batch);
                batch.Flush(services.Metrics);
                _ = ForgetAsync(session);
                break;
            }
            catch (Exception error)
            {
                log.ArrivalFailed(error, session.ClientId);
                await Task.Delay(Again, services.Time);
            }
        }

        return !session.Ended;
    }

    /// <summary>Has the old owner drop a session that its client did not resume.</summary>
    public Task DiscardAsync(SiloAddress previous, string clientId, long epoch) => TryReleaseAsync(previous, clientId, epoch, discard: true);

    /// <summary>From its commit on, works of an earlier owner are refused.</summary>
    public async Task FenceAsync(ClientSession session, long epoch)
    {
        session.FenceEpoch = epoch;
        services.Store.Submit(new RowWork(services, session.Fence));
        await services.Store.FlushAsync();
    }

    /// <summary>What was matched while the session was with two owners has come by then.</summary>
    private async Task ForgetAsync(ClientSession session)
    {
        await Task.WhenAll(services.OpenPublishes.WhenEndedAsync(), services.Peers.FenceAsync());
        session.ForgetKnownElsewhere();
    }

    private async Task<ReleasedSession?> TryReleaseAsync(SiloAddress previous, string clientId, long epoch, bool discard)
    {
        var deadline = services.Time.GetTimestamp();
        while (true)
        {
            try
            {
                return await links.Get(previous).ReleaseAsync(clientId, epoch, discard);
            }
            catch (Exception error)
            {
                if (links.Current.Dead.Contains(previous) || services.Time.GetElapsedTime(deadline) > ReleaseLimit)
                {
                    log.ReleaseFailed(error, previous, clientId);
                    return null;
                }
            }

            await Task.Delay(Again, services.Time);
        }
    }

    private async Task<ReleasedSession> ReadAsync(long sessionId)
    {
        var (count, bytes, highest) = (0L, 0L, 0L);
        while (true)
        {
            var page = await services.Store.ReadQueueAsync(sessionId, highest, PageSize);
            count += page.Count;
            bytes += page.Sum(row => (long)row.Message.Size);
            highest = page.Count > 0 ? page[^1].Sequence : highest;
            if (page.Count < PageSize)
            {
                break;
            }
        }

        var inbound = (await services.Store.ReadInboundAsync()).Where(row => row.SessionId == sessionId).Select(row => row.PacketId);
        return new ReleasedSession(sessionId, count, bytes, highest, [], [.. inbound]);
    }
}
