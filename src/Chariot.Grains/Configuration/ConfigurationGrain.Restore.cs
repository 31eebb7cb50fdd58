using System.Security.Cryptography;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Microsoft.Extensions.Logging;

namespace Chariot.Grains.Configuration;

/// <summary>
/// Putting a whole configuration in place of another. It takes many records (credentials, accounts, client trust, the configuration
/// itself), so it is written down as a whole first: 1. the plan, 2. its name in the configuration, which is the commit point, 3. credentials and
/// accounts, 4. client trust and configuration in the next revision, without the name, 5. the plan is cleared. Every step may be repeated.
/// </summary>
internal sealed partial class ConfigurationGrain
{
    /// <summary>Credentials written at once.</summary>
    private const int RestoreBatch = 64;

    public async ValueTask<ChangeResult> RestoreAsync(ConfigurationRestore restore)
    {
        if (IsStale(restore.ExpectedRevision))
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        if (!NamesItsCredentials(restore))
        {
            return Refuse(ChangeOutcome.UnknownCredential);
        }

        if (restore.Ssl is not null && !restore.Replace && _committed.Current.Ssl is not null)
        {
            return Refuse(ChangeOutcome.AlreadySetUp);
        }

        var seen = 0L;
        if (restore.Ssl is { } candidate)
        {
            var prepared = await _silos.PrepareSslAsync(candidate);
            if (prepared.Any(node => node.Error is not null))
            {
                await _silos.AbandonSslAsync(candidate.SetupId);
                return new ChangeResult(ChangeOutcome.SiloCannotActivate, Revision, prepared);
            }

            seen = prepared.Select(node => node.SslRevisionSeen).DefaultIfEmpty().Max();
        }

        var plan = new RestoreState { Id = RandomNumberGenerator.GetHexString(32, lowercase: true), Restore = restore, SslRevisionSeen = seen };
        try
        {
            await WriteRestoreAsync(plan);
            await CommitAsync(_committed with { PendingRestore = plan.Id });
        }
        catch when (restore.Ssl is not null)
        {
            await _silos.AbandonSslAsync(restore.Ssl.SetupId);
            throw;
        }

        await FinishRestoreAsync();
        var result = await PushAsync();
        ScheduleUpkeep();
        return result;
    }

    public async ValueTask<ChangeResult> ConfirmSslAsync(string setupId, long seen)
    {
        if (_committed.Current.Ssl is not { } ssl)
        {
            return Refuse(ChangeOutcome.NotFound);
        }

        if (ssl.SetupId != setupId)
        {
            return Refuse(ChangeOutcome.RevisionConflict);
        }

        // Changes nothing anywhere: it only asks every silo what it has a record of.
        var asked = await PushAsync();
        await CommitAsync(_committed.NextSsl(_committed.Current, Math.Max(seen, asked.Nodes.Select(node => node.SslRevisionSeen).DefaultIfEmpty().Max())));
        return await PushAsync();
    }

    private static bool NamesItsCredentials(ConfigurationRestore restore)
    {
        var enabled = restore.Credentials.ToDictionary(credential => credential.Username, credential => credential.Enabled, StringComparer.Ordinal);
        return (restore.Mqtt.AnonymousCredential is not { } anonymous || enabled.GetValueOrDefault(anonymous))
            && restore.ClientTrust.Mappings.All(mapping => enabled.ContainsKey(mapping.Username));
    }

    /// <summary>Called at activation: finishes what was committed, and forgets what was not.</summary>
    private async Task ResumeRestoreAsync()
    {
        if (_committed.PendingRestore is not null)
        {
            LogRestoreResumed();
            await FinishRestoreAsync();
        }
        else if (restoreStorage.State.Id is not null)
        {
            await ForgetRestoreAsync();
        }
    }

    private async Task FinishRestoreAsync()
    {
        if (restoreStorage.State is not { Restore: { } restore } plan || plan.Id != _committed.PendingRestore)
        {
            throw new InvalidOperationException("The plan of a restore that was committed is not in the store.");
        }

        var next = restore.Ssl is { } ssl ? WithSsl(ssl, plan.SslRevisionSeen) : _committed.Next(_committed.Current);
        var revision = next.Current.Revision;
        try
        {
            foreach (var batch in restore.RemovedCredentials.Chunk(RestoreBatch))
            {
                await Task.WhenAll(batch.Select(username => Credential(username).PutAsync(null).AsTask()));
            }

            foreach (var batch in restore.Credentials.Chunk(RestoreBatch))
            {
                await Task.WhenAll(batch.Select(credential => Credential(credential.Username).PutAsync(new(
                    credential.Username, credential.PasswordVerifier!, credential.PublishAcl, credential.SubscribeAcl, credential.Enabled, revision)).AsTask()));
            }

            await GrainFactory.GetGrain<IAccountsGrain>(IAccountsGrain.Key).ReplaceAllAsync(restore.Accounts);
            var trust = restore.ClientTrust with { Revision = revision };
            await WriteClientTrustAsync(new ClientTrustState { Versions = _trust.Revision == 0 ? [trust] : [_trust, trust] });
            next = next with
            {
                Configuration = next.Current with { Mqtt = restore.Mqtt, Tls = restore.Tls, Admin = restore.Admin, ClientTrustRevision = trust.Revision },
                PendingRestore = null,
                // The plan held verifiers, and a sealed key.
                EraseDue = true,
            };
            await CommitAsync(next.WithEveryCredentialChanged());
            _trust = trust;
            await ForgetRestoreAsync();
        }
        catch (Exception error)
        {
            LogRestoreUnfinished(error);
            DeactivateOnIdle();
            throw;
        }
    }

    private async Task ForgetRestoreAsync()
    {
        await restoreStorage.ClearStateAsync();
        if (!_committed.EraseDue)
        {
            await CommitAsync(_committed with { EraseDue = true });
        }
    }

    private async Task WriteRestoreAsync(RestoreState plan)
    {
        restoreStorage.State = plan;
        try
        {
            await restoreStorage.WriteStateAsync();
        }
        catch (Exception error)
        {
            // Nothing names it yet; the next activation forgets it.
            LogCommitFailed(error);
            DeactivateOnIdle();
            throw;
        }
    }

    [LoggerMessage(2210, LogLevel.Warning, "A restore was interrupted; it is finished now.")]
    private partial void LogRestoreResumed();

    [LoggerMessage(2211, LogLevel.Error, "A restore that is committed could not be finished; it is taken up again with the next change or read. Check that the store is reachable and has space.")]
    private partial void LogRestoreUnfinished(Exception error);
}
