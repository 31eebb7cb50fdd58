using Chariot.Abstractions.Sessions;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.Placement;

namespace Chariot.Grains.Sessions;

/// <summary>When a session is written, and where its activation lives.</summary>
internal sealed partial class SessionGrain
{
    /// <summary>
    /// Durable, or resumed without expiry: its record and rows stay until it ends. So does a will in a cluster: another silo publishes
    /// it when this one dies.
    /// </summary>
    private bool IsDurable(SessionRecord session) => session.ExpirySeconds > 0 || (session.Will is not null && links.Active.Length > 1) || (storage.RecordExists && storage.State.SessionId == session.SessionId);

    private async Task<bool> TryCommitAsync(SessionRecord next)
    {
        try
        {
            await CommitAsync(next);
            return true;
        }
        catch (Exception error)
        {
            LogCommitFailed(error, ClientId);
            return false;
        }
    }

    /// <summary>Makes <paramref name="next"/> the session; null ends it. On failure the old one stays.</summary>
    private async Task CommitAsync(SessionRecord? next)
    {
        try
        {
            if (next is not null && IsDurable(next))
            {
                storage.State = next;
                await storage.WriteStateAsync();
            }
            else
            {
                if (storage.RecordExists)
                {
                    await storage.ClearStateAsync();
                }

                storage.State = next ?? new SessionRecord();
            }
        }
        catch
        {
            // The store may have taken it or not; the next activation reads which.
            storage.State = _session ?? new SessionRecord();
            DeactivateOnIdle();
            throw;
        }

        _session = next;
        StayWhileTransient();
    }

    private void StayWhileTransient() =>
        DelayDeactivation(_session is not null && !IsDurable(_session) ? Timeout.InfiniteTimeSpan : TimeSpan.Zero);

    /// <summary>Moves this activation, with its state, to its client's silo: its calls become local, and they die together.</summary>
    private void Follow(SiloAddress owner)
    {
        if (owner.Equals(links.Local))
        {
            return;
        }

        RequestContext.Set(IPlacementDirector.PlacementHintKey, owner);
        MigrateOnIdle();
        RequestContext.Remove(IPlacementDirector.PlacementHintKey);
    }

    [LoggerMessage(2020, LogLevel.Error, "The session of client {ClientId} could not be written; the client was refused. Check that the store is reachable and has space.")]
    private partial void LogCommitFailed(Exception error, string clientId);

    [LoggerMessage(2021, LogLevel.Warning, "Client {ClientId} moved, but silo {Silo} did not confirm that it let go of it. If this repeats, check that the node is alive.")]
    private partial void LogGiveUpFailed(Exception error, string clientId, SiloAddress silo);

    [LoggerMessage(2022, LogLevel.Warning, "A client was refused: the session of client id {ClientId} belongs to another credential. Give each device a client id of its own.")]
    private partial void LogOtherPrincipal(string clientId);

    [LoggerMessage(2300, LogLevel.Warning, "Two clients fight over client id {ClientId}: {Address} keeps the connection, {Other} has to wait. Give each device a client id of its own.")]
    private partial void LogFight(string clientId, string address, string other);
}
