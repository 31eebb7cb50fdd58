using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Chariot.Grains.Configuration;

/// <summary>
/// One changing call at a time: check, commit in one write, push, answer. The write is the commit point: what comes after it
/// is repeated by the next activation, what fails before it leaves nothing behind. Reads interleave and see
/// <see cref="_committed"/> only. Kept alive, because staged uploads expire while nobody calls.
/// </summary>
[KeepAlive]
internal sealed partial class ConfigurationGrain(
    [PersistentState(StateNames.Configuration, StateNames.Provider)] IPersistentState<ConfigurationState> storage,
    [PersistentState(StateNames.ClientTrust, StateNames.Provider)] IPersistentState<ClientTrustState> trustStorage,
    [PersistentState(StateNames.Restore, StateNames.Provider)] IPersistentState<RestoreState> restoreStorage,
    IEdgeLinks links,
    IStoreMaintenance store,
    IClusterMembershipService membership,
    ConfigurationLeaseOptions lease,
    TimeProvider time,
    ILogger<ConfigurationGrain> logger) : Grain, IConfigurationGrain
{
    private static readonly TimeSpan s_confirmPeriod = TimeSpan.FromSeconds(1);
    private readonly LeaseTable _leases = new(lease.Required, time);
    private SiloBroadcast _silos = null!;
    private ConfigurationState _committed = new();
    private IGrainTimer? _upkeep;

    private long Revision => _committed.Current.Revision;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _committed = storage.State;
        _silos = new(links, _leases, time, logger);
        if (lease.Required)
        {
            await ConfirmAsync(cancellationToken);
            this.RegisterGrainTimer(ConfirmAsync, new GrainTimerCreationOptions(s_confirmPeriod, s_confirmPeriod) { KeepAlive = true, Interleave = true });
        }

        LoadClientTrust();
        _upkeep = this.RegisterGrainTimer(UpkeepAsync, new GrainTimerCreationOptions(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan) { KeepAlive = true });
        await CountPendingCredentialAsync();
        await ResumeRestoreAsync();
        await NameConfigurationAsync();
        ScheduleUpkeep();
        if (_committed.Configuration is not null)
        {
            PushInBackground();
        }
    }

    public ValueTask<BrokerConfiguration> GetAsync() => ValueTask.FromResult(_committed.Current);

    public ValueTask<ConfigurationUpdate> GetUpdateAsync(long sinceRevision) =>
        ValueTask.FromResult(new ConfigurationUpdate(_committed.Current, _committed.ChangedCredentials(sinceRevision)));

    public ValueTask<LeaseAnswer> RenewLeaseAsync(SiloAddress silo, long sinceRevision) => ValueTask.FromResult(new LeaseAnswer(
        new ConfigurationUpdate(_committed.Current, _committed.ChangedCredentials(sinceRevision)),
        _leases.TryGrant(silo, links.Local, links.Active)));

    public async ValueTask<bool> InitializeAsync(MqttSettings bootstrap)
    {
        if (_committed.Configuration is not null)
        {
            return false;
        }

        await CommitAsync(_committed.Next(_committed.Current with { Mqtt = bootstrap }));
        // The caller is a silo on its way up, which cannot apply anything before this call returns.
        PushInBackground();
        return true;
    }

    public async ValueTask<ChangeResult> SetMqttAsync(MqttSettings settings, long? expectedRevision)
    {
        if (IsStale(expectedRevision))
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        if (settings.AnonymousCredential is { } username && await Credential(username).GetAsync() is not { Enabled: true })
        {
            return Refuse(ChangeOutcome.UnknownCredential);
        }

        return await ChangeAsync(_committed.Current with { Mqtt = settings });
    }

    public async ValueTask<ChangeResult> SetTlsAsync(TlsSettings settings, long? expectedRevision) =>
        IsStale(expectedRevision) ? Refuse(ChangeOutcome.RevisionConflict) : await ChangeAsync(_committed.Current with { Tls = settings });

    public async ValueTask<ChangeResult> SetAdminAsync(AdminSettings settings, long? expectedRevision) =>
        IsStale(expectedRevision) ? Refuse(ChangeOutcome.RevisionConflict) : await ChangeAsync(_committed.Current with { Admin = settings });

    public async ValueTask<ChangeResult> PutCredentialAsync(CredentialChange change, bool create, long? expectedRevision)
    {
        var stored = await Credential(change.Username).GetAsync();
        if (create && stored is not null)
        {
            return Refuse(ChangeOutcome.CredentialExists);
        }

        if (!create && stored is null)
        {
            return Refuse(ChangeOutcome.NotFound);
        }

        if (stored is not null && expectedRevision is not null && expectedRevision != stored.Revision)
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        if (!change.Enabled && IsMapped(change.Username))
        {
            return Refuse(ChangeOutcome.CredentialInUse);
        }

        var verifier = change.PasswordVerifier ?? stored?.PasswordVerifier
            ?? throw new ArgumentException("A new credential needs a verifier.", nameof(change));
        var record = new CredentialRecord(change.Username, verifier, change.PublishAcl, change.SubscribeAcl, change.Enabled, Revision + 1);
        return await ChangeCredentialAsync(change.Username, stored, record);
    }

    public async ValueTask<ChangeResult> DeleteCredentialAsync(string username, long? expectedRevision)
    {
        if (await Credential(username).GetAsync() is not { } stored)
        {
            return Refuse(ChangeOutcome.NotFound);
        }

        if (expectedRevision is not null && expectedRevision != stored.Revision)
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        return IsMapped(username) || IsMappedByCertificate(username) ? Refuse(ChangeOutcome.CredentialInUse) : await ChangeCredentialAsync(username, stored, null);
    }

    /// <summary>
    /// A credential and its revision are two records. 1. Note which credential is about to change. 2. Change it. 3. Commit the
    /// revision and the log entry. A crash in between is found by its note: the credential then counts as changed.
    /// </summary>
    private async Task<ChangeResult> ChangeCredentialAsync(string username, CredentialRecord? before, CredentialRecord? after)
    {
        await CommitAsync(_committed with { PendingCredential = username });
        try
        {
            await Credential(username).PutAsync(after);
            await CommitAsync(_committed.Next(_committed.Current, username) with { PendingCredential = null });
        }
        catch (Exception error)
        {
            LogCredentialChangeFailed(error, username);
            await RestoreAsync(username, before);
            DeactivateOnIdle();
            throw;
        }

        return await PushAsync();
    }

    private async Task RestoreAsync(string username, CredentialRecord? before)
    {
        try
        {
            await Credential(username).PutAsync(before);
        }
        catch (Exception error)
        {
            LogRestoreFailed(error, username);
        }
    }

    private async Task CountPendingCredentialAsync()
    {
        if (_committed.PendingCredential is { } username)
        {
            LogPendingFound(username);
            await CommitAsync(_committed.Next(_committed.Current, username) with { PendingCredential = null });
        }
    }

    /// <summary>A store of an older version gets its name before anybody reads it.</summary>
    private async Task NameConfigurationAsync()
    {
        if (_committed.Configuration is { ConfigurationId: null })
        {
            await CommitAsync(_committed.Named());
        }
    }

    /// <summary>Reads the membership table: while this silo is alive there, no other silo can have activated this grain.</summary>
    private async Task ConfirmAsync(CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        try
        {
            await membership.Refresh(default, cancellationToken).AsTask().WaitAsync(s_confirmPeriod, cancellationToken);
            _leases.Look(asked, membership.CurrentSnapshot.GetSiloStatus(links.Local) is SiloStatus.Active or SiloStatus.Joining);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            _leases.Look(asked, alive: null);
            LogNotConfirmed(error);
        }
    }

    private async Task<ChangeResult> ChangeAsync(BrokerConfiguration changed)
    {
        await CommitAsync(_committed.Next(changed));
        return await PushAsync();
    }

    private async Task CommitAsync(ConfigurationState next)
    {
        storage.State = next;
        try
        {
            await storage.WriteStateAsync();
        }
        catch (Exception error)
        {
            // The store may have taken it or not; the next activation reads which.
            LogCommitFailed(error);
            storage.State = _committed;
            DeactivateOnIdle();
            throw;
        }

        _committed = next;
    }

    private async Task<ChangeResult> PushAsync() => new(ChangeOutcome.Applied, Revision, await _silos.ApplyAsync(_committed));

    private void PushInBackground() => _silos.ApplyAsync(_committed).Ignore();

    private ChangeResult Refuse(ChangeOutcome outcome) => new(outcome, Revision, []);

    private bool IsStale(long? expectedRevision) => expectedRevision is { } expected && expected != Revision;

    private bool IsMapped(string username) => _committed.Current.Mqtt.AnonymousCredential == username;

    private ICredentialGrain Credential(string username) => GrainFactory.GetGrain<ICredentialGrain>(username);
}
