using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Audit;
using Chariot.Admin.ClientCertificates;
using Chariot.Admin.Ssl;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Backup;

/// <summary>How far a restore may go.</summary>
/// <param name="Replace">Over a certificate that is set up here.</param>
/// <param name="ConfirmKey">The private key of the backup is to be served, whatever became of it here.</param>
/// <param name="WithoutKey">Everything but the private key; SSL stays as it is here.</param>
/// <param name="DryRun">Say what would be done, and what is in its way.</param>
internal sealed record RestoreOptions(bool Replace, bool ConfirmKey, bool WithoutKey, bool DryRun);

/// <summary>What was restored, or would be.</summary>
/// <param name="Revision">Of the configuration since; of the one in force for a dry run.</param>
/// <param name="Ssl">setUp, replaced, unchanged.</param>
/// <param name="Certificate">Of the key in the backup; null when none is restored.</param>
internal sealed record RestoreReport(
    long Revision, DateTimeOffset CreatedAt, string CreatedBy, long SavedRevision, int Credentials, int RemovedCredentials, int Accounts, string Ssl, CertificateDetails? Certificate, ImmutableArray<Finding> Findings);

/// <summary>
/// Puts what a backup holds in the place of what is configured: validated as a whole first, then all or nothing in one call of the configuration
/// grain. A private key of the backup is served on an explicit word only, since it may have been deleted for a reason.
/// </summary>
internal sealed class BackupRestore(
    AdminGrains grains,
    IGrainStateIndex index,
    ICertificateBundleValidator validator,
    AuthorityFile authorityFile,
    ISecretSealer sealer,
    AuditTrail audit,
    IOptions<AdminOptions> options)
{
    private const int Attempts = 3;
    private const int PageSize = 500;

    private static readonly Finding OverHttp = new("backup.over-http", FindingSeverity.Warning, "The backup came over plain HTTP from another host, with its passphrase.")
    {
        File = BackupFile.Name,
        Remedy = "Whoever listened has its verifiers, and its key if there is one. Replace key and certificate, and change passwords, over HTTPS.",
    };

    /// <param name="exposed">Whether the upload came over plain HTTP from another host.</param>
    /// <param name="overHttps">Whether the caller is there over HTTPS: the proof that it is reachable before HTTP goes.</param>
    public async Task<Act<RestoreReport>> RestoreAsync(ReadOnlyMemory<byte> file, ClearSecret? passphrase, RestoreOptions how, bool exposed, bool overHttps, Actor actor, CancellationToken cancellationToken)
    {
        if (exposed && options.Value.RefuseKeyOverHttp)
        {
            return await RefuseAsync(new Refusal(403, "key-over-http-refused", "A backup over plain HTTP from another host is refused here. Restore it on the broker's own host, or over HTTPS."), actor);
        }

        // Not on the request's thread: the passphrase takes a good part of a second.
        var opened = await Task.Run(() => BackupFile.Read(file.Span, passphrase), cancellationToken);
        if (opened.Refusal is { } refusal)
        {
            return await RefuseAsync(refusal, actor);
        }

        using var content = opened.Value;
        var check = new BackupCheck(authorityFile);
        if (check.Parse(content.Json) is not { } document)
        {
            return await RefuseAsync(BackupFile.Invalid(check.Findings), actor);
        }

        var restore = check.Read(document, BackupExport.MasterKeyId(sealer));
        if (check.HasErrors)
        {
            return await RefuseAsync(BackupFile.Invalid(check.Findings), actor);
        }

        for (var attempt = 1; ; attempt++)
        {
            var act = await TryAsync(document, content, restore, exposed ? check.Findings.Add(OverHttp) : check.Findings, how, overHttps, actor, cancellationToken);
            if (act.Refusal?.Code != Refusal.Stale.Code || attempt == Attempts)
            {
                return act;
            }
        }
    }

    private async Task<Act<RestoreReport>> TryAsync(
        BackupDocument document, BackupContent content, ConfigurationRestore restore, ImmutableArray<Finding> findings, RestoreOptions how, bool overHttps, Actor actor, CancellationToken cancellationToken)
    {
        var current = await grains.Configuration.GetAsync();
        var withKey = document.Ssl is not null && content.Key is not null && !how.WithoutKey;
        if (current.Ssl is { } inForce && !how.Replace)
        {
            var refused = new Refusal(409, "already-set-up", $"SSL is set up here, with {inForce.Details.Subject}. Restoring over it has to be asked for: replace=true, or chariot restore --replace.");
            if (!how.DryRun)
            {
                return await RefuseAsync(refused, actor);
            }

            findings = findings.Insert(0, new Finding("ssl.already-set-up", FindingSeverity.Error, refused.Detail) { File = BackupFile.Name });
        }

        using var bundle = withKey ? RestoredKey.Inspect(validator, document.Ssl!, content.Key!) : null;
        SslConfiguration? ssl = null;
        if (bundle is not null)
        {
            if (bundle.HasErrors || bundle is not { Pkcs8Key: not null, Leaf: not null, Details: not null })
            {
                return await RefuseAsync(
                    Refusal.InvalidTls("Key, certificate and chain of the backup cannot be served. Nothing was changed; restore it without the key (withoutKey=true, --without-key) and set SSL up anew.", bundle.Findings), actor);
            }

            var named = NameKey(RestoredKey.FindRemoved(await grains.Configuration.GetSslHistoryAsync(), document.Ssl!, bundle), document, bundle.Details);
            if (!how.ConfirmKey && !how.DryRun)
            {
                return await RefuseAsync(
                    new Refusal(409, named.Code == "ssl.key-deleted" ? "key-was-deleted" : "key-not-confirmed", $"{named.Message} Nothing was changed. {named.Remedy}") { Findings = [named] }, actor);
            }

            findings = findings.Add(how.ConfirmKey ? named with { Severity = FindingSeverity.Warning } : named).AddRange(bundle.Findings);
            ssl = Candidate(bundle, document.Ssl!, actor);
        }
        else if (document.Ssl is { } without)
        {
            findings = findings.Add(new Finding("backup.no-key", FindingSeverity.Warning, $"The private key of {without.Subject} is not restored, so SSL stays as it is here.")
            {
                File = BackupFile.Name,
                Remedy = current.Ssl is null ? "Set SSL up with its key, or restore a backup made with its key." : null,
            });
        }

        var names = restore.Credentials.Select(credential => credential.Username).ToHashSet(StringComparer.Ordinal);
        var removed = ImmutableArray.CreateBuilder<string>();
        await foreach (var stored in StoredCredentials.ReadAsync(index, PageSize, cancellationToken))
        {
            if (!names.Contains(stored.Username))
            {
                removed.Add(stored.Username);
            }
        }

        var admin = AdminOver(restore.Admin, hasSsl: ssl is not null || current.Ssl is not null, overHttps);
        if (admin != restore.Admin)
        {
            findings = findings.Add(new Finding("backup.admin-http", FindingSeverity.Warning, $"Plain HTTP of the admin API was \"{restore.Admin.AdminHttp}\"; it is \"{admin.AdminHttp}\" here until HTTPS is shown to be reachable.") { File = BackupFile.Name });
        }

        var whole = restore with { Admin = admin, RemovedCredentials = removed.ToImmutable(), Ssl = ssl, Replace = how.Replace, ExpectedRevision = current.Revision };
        var report = new RestoreReport(
            current.Revision, document.CreatedAt, document.CreatedBy, document.Revision, whole.Credentials.Length, removed.Count, whole.Accounts.Length,
            ssl is null ? "unchanged" : current.Ssl is null ? "setUp" : "replaced", ssl?.Details, findings);
        return how.DryRun ? Act<RestoreReport>.Done(report) : await audit.RecordAsync<RestoreReport>(actor, "restore", "configuration", Shown(current), Shown(report), async () =>
        {
            var result = await grains.Configuration.RestoreAsync(whole);
            return result.Outcome == ChangeOutcome.Applied ? Act<RestoreReport>.Done(report with { Revision = result.Revision }, result.Nodes) : Refusal.From(result, "configuration");
        });
    }

    /// <summary>Nothing was changed, but somebody tried.</summary>
    private async Task<Refusal> RefuseAsync(Refusal refusal, Actor actor)
    {
        await audit.NoteAsync(actor, "restore", "configuration", refusal.Code);
        return refusal;
    }

    private SslConfiguration Candidate(BundleInspection bundle, BackupSsl saved, Actor actor)
    {
        var setupId = RandomNumberGenerator.GetHexString(32, lowercase: true);
        return new SslConfiguration
        {
            SetupId = setupId,
            PrivateKey = sealer.Seal(bundle.Pkcs8Key!.Bytes, setupId),
            Certificate = bundle.Leaf!,
            Intermediates = bundle.Intermediates,
            Root = bundle.Root,
            Files = new Dictionary<SslFile, SslFileLabel>
            {
                [SslFile.PrivateKey] = BackupCheck.Label(saved.PrivateKeyFile),
                [SslFile.ServerCertificate] = BackupCheck.Label(saved.CertificateFile),
                [SslFile.CaChain] = BackupCheck.Label(saved.ChainFile),
            }.ToImmutableDictionary(),
            Details = bundle.Details!,
            Chain = bundle.Chain,
            Findings = bundle.Findings,
            SetUpBy = actor.Name,
        };
    }

    /// <summary>The key that would be served, and what became of it here.</summary>
    private static Finding NameKey(SslSetupRecord? removed, BackupDocument document, CertificateDetails details)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"the private key of {details.Subject}, serial number {details.SerialNumber}");
        var (code, message) = removed switch
        {
            { Removal: SslRemoval.Deleted } => ("ssl.key-deleted", string.Create(CultureInfo.InvariantCulture, $"The backup of {document.CreatedAt:u} holds {key}, which was deleted here on {removed.RemovedAt:u}.")),
            not null => ("ssl.key-replaced", string.Create(CultureInfo.InvariantCulture, $"The backup of {document.CreatedAt:u} holds {key}, which was replaced here on {removed.RemovedAt:u}.")),
            null => ("ssl.key-in-backup", string.Create(CultureInfo.InvariantCulture, $"The backup of {document.CreatedAt:u} holds {key}, which would be served again.")),
        };
        return new Finding(code, FindingSeverity.Error, message)
        {
            File = BackupFile.Name,
            Remedy = "If it is to be served, confirm it (confirmKey=true, --confirm-key). If not, restore without it (withoutKey=true, --without-key).",
        };
    }

    private static AdminSettings AdminOver(AdminSettings saved, bool hasSsl, bool overHttps) => saved.AdminHttp switch
    {
        "open" => saved,
        _ when !hasSsl => saved with { AdminHttp = "open" },
        "off" when !overHttps => saved with { AdminHttp = "redirect" },
        _ => saved,
    };

    private static object Shown(BrokerConfiguration configuration) => new { configuration.Revision, Certificate = configuration.Ssl?.Details.Sha256Fingerprint };

    private static object Shown(RestoreReport report) => new
    {
        report.CreatedAt, report.CreatedBy, report.SavedRevision, report.Credentials, report.RemovedCredentials, report.Accounts, report.Ssl,
        Certificate = report.Certificate?.Sha256Fingerprint, Findings = report.Findings.Select(finding => finding.Code),
    };
}
