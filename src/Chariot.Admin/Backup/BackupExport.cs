using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Audit;
using Chariot.Admin.ClientCertificates;
using Chariot.Admin.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Backup;

/// <summary>A backup as it is handed out.</summary>
/// <param name="Lacks">What is configured and not in it, by name: <c>private-key</c>, <c>encryption</c>, always <c>api-tokens</c>.</param>
internal sealed record BackupResult(byte[] File, string FileName, ImmutableArray<string> Lacks);

/// <summary>Gathers all that is configured, at one revision, into one file.</summary>
internal sealed partial class BackupExport(AdminGrains grains, IGrainStateIndex index, ISecretSealer sealer, AuditTrail audit, IOptions<AdminOptions> options, TimeProvider time, ILogger<BackupExport> logger)
{
    /// <summary>Times the configuration is read when changes keep coming in between.</summary>
    private const int Attempts = 5;
    private const int PageSize = 500;
    private static readonly JsonSerializerOptions s_json = AdminJson.Create();

    /// <param name="passphrase">Encrypts the whole file; null leaves it readable, and then no key may be asked for.</param>
    /// <param name="exposed">Whether passphrase and file go over plain HTTP to another host.</param>
    public async Task<Act<BackupResult>> CreateAsync(ClearSecret? passphrase, bool includeKey, bool exposed, Actor actor, CancellationToken cancellationToken)
    {
        // The passphrase of a key never travels in clear: unlike the first set-up, a backup of a key has HTTPS to go over.
        if (exposed && (includeKey || options.Value.RefuseKeyOverHttp))
        {
            return new Refusal(403, "key-over-http-refused", "A backup over plain HTTP to another host is refused here. Make it on the broker's own host, or over HTTPS.");
        }

        if (includeKey && passphrase is null)
        {
            return Refusal.Invalid("The backup is refused.", [Findings.Error("passphrase.missing", "passphrase", "A private key goes into a backup under a passphrase only.")]);
        }

        if (Passphrase.Check(passphrase) is { } weak)
        {
            return Refusal.Invalid("The backup is refused.", [weak]);
        }

        if (includeKey && (await grains.Configuration.GetAsync()).Ssl is null)
        {
            return new Refusal(409, "ssl-not-set-up", "SSL is not set up, so there is no private key to back up.");
        }

        return await audit.RecordAsync<BackupResult>(actor, "backup", "configuration", null, new { IncludeKey = includeKey, Encrypted = passphrase is not null }, async () =>
        {
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                if (await GatherAsync(actor, cancellationToken) is { } gathered)
                {
                    return await Task.Run(() => Write(gathered.Document, includeKey ? gathered.Ssl : null, passphrase), cancellationToken);
                }
            }

            return new Refusal(409, "configuration-changing", "The configuration changed each time while it was read. Try again when nobody else changes it.");
        });
    }

    /// <summary>A name of the master key that says nothing of it.</summary>
    public static string MasterKeyId(ISecretSealer sealer) => Convert.ToHexStringLower(sealer.Derive("backup-master-key-id/v1"))[..16];

    private Act<BackupResult> Write(BackupDocument document, SslConfiguration? withKeyOf, ClearSecret? passphrase)
    {
        ClearSecret? key = null;
        try
        {
            key = withKeyOf is null ? null : sealer.Open(withKeyOf.PrivateKey, withKeyOf.SetupId);
        }
        catch (CryptographicException e)
        {
            LogKeyNotOpened(e);
            return new Refusal(409, "key-unreadable", "The private key cannot be opened with this node's master key, so it cannot be backed up.");
        }

        using (key)
        {
            var json = JsonSerializer.SerializeToUtf8Bytes(document, s_json);
            if (document.Credentials.Count > BackupDocument.MaximumCredentials || json.Length > BackupFile.MaximumSize - (64 * 1024))
            {
                return new Refusal(409, "backup-too-large", $"The configuration is larger than a backup may be ({BackupFile.MaximumSize / (1024 * 1024)} MiB, {BackupDocument.MaximumCredentials} credentials). Back the store up instead.");
            }

            var name = string.Create(CultureInfo.InvariantCulture, $"chariot-{document.CreatedAt:yyyyMMdd'T'HHmmss'Z'}.backup");
            List<string> lacks = ["api-tokens"];
            if (document.Ssl is not null && key is null)
            {
                lacks.Add("private-key");
            }

            if (passphrase is null)
            {
                lacks.Add("encryption");
            }

            return Act<BackupResult>.Done(new BackupResult(BackupFile.Write(json, key, passphrase), name, [.. lacks]));
        }
    }

    /// <summary>Null when a change came in between.</summary>
    private async Task<(BackupDocument Document, SslConfiguration? Ssl)?> GatherAsync(Actor actor, CancellationToken cancellationToken)
    {
        var before = await grains.Configuration.GetAsync();
        var trust = await grains.Configuration.GetClientTrustAsync();
        var credentials = new List<BackupCredential>();
        await foreach (var record in StoredCredentials.ReadAsync(index, PageSize, cancellationToken))
        {
            if (record.Revision > before.Revision)
            {
                return null;
            }

            credentials.Add(new BackupCredential(record.Username, record.PasswordVerifier, [.. record.PublishAcl], [.. record.SubscribeAcl], record.Enabled));
        }

        var accounts = new List<BackupAccount>();
        foreach (var account in await grains.Accounts.GetAccountsAsync())
        {
            if (await grains.Accounts.FindVerifierAsync(account.Username) is { } verifier)
            {
                accounts.Add(new BackupAccount(account.Username, verifier.Account.Role, verifier.PasswordVerifier, verifier.Account.MustChangePassword));
            }
        }

        if (trust.Revision != before.ClientTrustRevision || (await grains.Configuration.GetAsync()).Revision != before.Revision)
        {
            return null;
        }

        var document = new BackupDocument(
            time.GetUtcNow(), actor.Name, before.Revision, MasterKeyId(sealer), before.Mqtt, before.Tls, before.Admin, credentials, accounts, Save(trust), before.Ssl is { } ssl ? Save(ssl) : null);
        return (document, before.Ssl);
    }

    private static BackupClientTrust Save(ClientTrust trust) => new(
        trust.Authorities is { } authorities ? Pem(authorities.Certificates) : null,
        trust.Authorities is { File: var file } ? Save(file) : null,
        [.. trust.RevocationLists.Select(list => new BackupRevocationList(
            list.IssuerSha256, list.IssuerKeySha256, list.Issuer, list.Number, list.ThisUpdate, list.NextUpdate, list.Serials, list.Sha256, Save(list.File)))],
        trust.RevokedSerials,
        [.. trust.Mappings.Select(MappingRequest.From)]);

    private static BackupSsl Save(SslConfiguration ssl) => new(
        ssl.SetupId,
        ssl.Details.Subject,
        ssl.Details.SerialNumber,
        ssl.Details.Sha256Fingerprint,
        ssl.Details.NotAfter,
        Pem([ssl.Certificate]),
        Pem(ssl.Root is { } root ? ssl.Intermediates.Add(root) : ssl.Intermediates),
        LabelOf(ssl, SslFile.PrivateKey),
        LabelOf(ssl, SslFile.ServerCertificate),
        LabelOf(ssl, SslFile.CaChain));

    private static BackupLabel? LabelOf(SslConfiguration ssl, SslFile slot) => ssl.Files.TryGetValue(slot, out var label) ? Save(label) : null;

    private static BackupLabel Save(SslFileLabel label) => new(label.FileName, label.UploadedAt);

    private static string Pem(IEnumerable<byte[]> certificates) => string.Concat(certificates.Select(der => PemEncoding.WriteString("CERTIFICATE", der) + "\n"));

    [LoggerMessage(4080, LogLevel.Error, "The private key in force cannot be opened with this node's master key, so it is not backed up. Give every node the same Chariot:MasterKeyFile")]
    private partial void LogKeyNotOpened(Exception exception);
}
