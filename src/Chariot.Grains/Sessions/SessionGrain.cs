using System.Collections.Immutable;
using System.Security.Cryptography;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Microsoft.Extensions.Logging;
using Orleans.Placement;

namespace Chariot.Grains.Sessions;

/// <summary>
/// One call at a time; <see cref="DescribeAsync"/> interleaves and sees <see cref="_session"/>, which is replaced, never
/// changed, when a call has committed. Durable sessions are written before they are answered for; a session that ends with
/// its connection lives in memory only, so the activation stays while it is connected and moves to the silo that its client
/// moved to.
/// </summary>
[PreferLocalPlacement, CollectionAgeLimit(Minutes = 2)]
internal sealed partial class SessionGrain(
    [PersistentState(StateNames.Session, StateNames.Provider)] IPersistentState<SessionRecord> storage,
    SessionSubscriber subscriber,
    IEdgeLinks links,
    TimeProvider time,
    ILogger<SessionGrain> logger) : Grain, ISessionGrain, IGrainMigrationParticipant
{
    private const uint NeverExpires = uint.MaxValue;
    private static readonly TimeSpan GiveUpLimit = TimeSpan.FromSeconds(5);

    private SessionRecord? _session;
    private long _lastEpoch;

    private string ClientId => this.GetPrimaryKeyString();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        // After a move this holds a session that was never written, too.
        _session = storage.State.SessionId != 0 ? storage.State : null;
        _lastEpoch = storage.State.Epoch;
        StayWhileTransient();
        return Task.CompletedTask;
    }

    public async ValueTask<OpenSessionResult> OpenAsync(OpenSession request)
    {
        var existing = Existing();
        if (existing is not null && existing.Principal != request.Principal)
        {
            LogOtherPrincipal(ClientId);
            return Refuse(ReasonCode.NotAuthorized);
        }

        if (existing is { DisconnectedAt: null } && !await MayTakeOverAsync(existing, request.Address))
        {
            return Refuse(ReasonCode.ConnectionRateExceeded);
        }

        _address = request.Address;

        // First the holder: its epoch may be above this silo's clock.
        var holder = await HolderAsync();
        var epoch = NextEpoch();
        var previous = await TakeOverAsync(holder, request.Owner, epoch);
        var lostWill = _session is { ExpirySeconds: 0, DisconnectedAt: null, Owner: { } owner } && !links.Active.Contains(owner) ? _session.Will : null;

        // A session without expiry ended with the connection that this one replaces.
        var resumed = !request.CleanStart && existing is { ExpirySeconds: > 0 } ? existing : null;
        var discarded = resumed is null && _session is { } old && IsDurable(old) ? old.SessionId : 0;
        var opened = new SessionRecord
        {
            ClientId = ClientId,
            SessionId = resumed?.SessionId ?? NewSessionId(),
            Epoch = epoch,
            Principal = request.Principal,
            Owner = request.Owner,
            ExpirySeconds = request.ExpirySeconds,
            Subscriptions = resumed?.Subscriptions ?? [],
            Will = request.Will,
        };
        if (!await TryCommitAsync(opened))
        {
            return Refuse(ReasonCode.ServerUnavailable);
        }

        if (!IsFoughtOver)
        {
            Follow(request.Owner);
        }

        return new OpenSessionResult(ReasonCode.Success, epoch, opened.SessionId, resumed is not null, opened.Subscriptions, discarded) { PreviousOwner = previous, LostWill = lostWill };
    }

    public async ValueTask<SubscribeResult> SubscribeAsync(long epoch, ImmutableArray<SubscriptionRecord> subscriptions)
    {
        if (_session is not { } session || session.Epoch != epoch)
        {
            return subscriber.Refuse(subscriptions.Length, ReasonCode.SessionTakenOver);
        }

        var decision = await subscriber.DecideAsync(session, subscriptions);
        var granted = subscriptions.Where((_, i) => decision.Reasons[i] < ReasonCode.UnspecifiedError).ToImmutableArray();
        if (granted.IsEmpty)
        {
            return decision;
        }

        // A later request for the same filter replaces the earlier one, within one SUBSCRIBE too [MQTT-3.8.4-3].
        var merged = session.Subscriptions.Concat(granted).GroupBy(s => s.Filter, StringComparer.Ordinal).Select(same => same.Last());
        return await TryCommitAsync(With(session, merged))
            ? decision
            : subscriber.Refuse(subscriptions.Length, ReasonCode.ImplementationSpecificError);
    }

    public async ValueTask<ImmutableArray<ReasonCode>> UnsubscribeAsync(long epoch, ImmutableArray<string> filters)
    {
        if (_session is not { } session || session.Epoch != epoch)
        {
            return [.. filters.Select(_ => ReasonCode.SessionTakenOver)];
        }

        var held = session.Subscriptions.Select(s => s.Filter).ToHashSet(StringComparer.Ordinal);
        ImmutableArray<ReasonCode> reasons = [.. filters.Select(filter => held.Remove(filter) ? ReasonCode.Success : ReasonCode.NoSubscriptionExisted)];
        if (!reasons.Contains(ReasonCode.Success))
        {
            return reasons;
        }

        return await TryCommitAsync(With(session, session.Subscriptions.Where(s => held.Contains(s.Filter))))
            ? reasons
            : [.. filters.Select(_ => ReasonCode.ImplementationSpecificError)];
    }

    public async ValueTask CloseAsync(long epoch, uint expirySeconds, bool keepWill)
    {
        if (_session is not { } session || session.Epoch != epoch)
        {
            return;
        }

        var closed = With(session, session.Subscriptions);
        closed.ExpirySeconds = expirySeconds;
        closed.DisconnectedAt = time.GetUtcNow();
        closed.Will = keepWill ? session.Will : null;
        await CommitAsync(expirySeconds == 0 ? null : closed);
    }

    public async ValueTask<bool> RemoveAsync(long epoch)
    {
        if (_session?.Epoch != epoch)
        {
            return false;
        }

        await CommitAsync(null);
        return true;
    }

    public ValueTask<SessionRecord?> DescribeAsync() => ValueTask.FromResult(Existing());

    /// <summary>The session if there still is one: expired ones, and those that died with their silo, are not.</summary>
    private SessionRecord? Existing()
    {
        if (_session is not { } session)
        {
            return null;
        }

        if (session.DisconnectedAt is { } since)
        {
            return session.ExpirySeconds == NeverExpires || time.GetUtcNow() - since < TimeSpan.FromSeconds(session.ExpirySeconds) ? session : null;
        }

        return session.ExpirySeconds > 0 || links.Active.Contains(session.Owner!) ? session : null;
    }

    /// <summary>
    /// Has another silo's edge let go of the client before anybody is answered. The same silo's edge replaces its own
    /// connection. A silo that does not answer is passed over: its lease runs out before <see cref="GiveUpLimit"/> does, and
    /// its commands carry an old epoch.
    /// </summary>
    private async Task<SiloAddress?> TakeOverAsync(SiloAddress? holder, SiloAddress newOwner, long epoch)
    {
        if (holder is not { } owner || owner.Equals(newOwner) || !links.Active.Contains(owner))
        {
            return null;
        }

        try
        {
            await links.Get(owner).GiveUpAsync(ClientId, epoch).WaitAsync(GiveUpLimit, time);
        }
        catch (Exception error)
        {
            LogGiveUpFailed(error, ClientId, owner);
        }

        return owner;
    }

    /// <summary>The silo whose edge has the session now: its owner, or the one that adopted it when that died; null when none has.</summary>
    private async Task<SiloAddress?> HolderAsync()
    {
        if (_session?.Owner is not { } owner || links.Active.Contains(owner))
        {
            return _session?.Owner;
        }

        // With one silo alive there is nobody to take it from.
        if (links.Active.Length < 2 || !storage.RecordExists)
        {
            return null;
        }

        var holder = await GrainFactory.GetGrain<ISessionPartitionGrain>(SessionPartitions.Of(ClientId)).FindHolderAsync(owner);
        _lastEpoch = Math.Max(_lastEpoch, holder?.Epoch ?? 0);
        return holder?.Silo;
    }

    // Rises with the clock, in microseconds, so that it also rises over an activation of which nothing was written.
    private long NextEpoch() => _lastEpoch = Math.Max(_lastEpoch + 1, (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);

    // Positive and below 2^53, so that JSON readers keep every digit; 0 means none.
    private static long NewSessionId() => (long)(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) >> 11) | 1;

    private static SessionRecord With(SessionRecord session, IEnumerable<SubscriptionRecord> subscriptions) => new()
    {
        ClientId = session.ClientId,
        SessionId = session.SessionId,
        Epoch = session.Epoch,
        Principal = session.Principal,
        Owner = session.Owner,
        ExpirySeconds = session.ExpirySeconds,
        Subscriptions = [.. subscriptions],
        Will = session.Will,
        DisconnectedAt = session.DisconnectedAt,
    };

    private static OpenSessionResult Refuse(ReasonCode reason) => new(reason, 0, 0, false, [], 0);
}
