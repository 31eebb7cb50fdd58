using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Backup;

/// <summary>
/// The JSON of a backup: all that is configured. Not in it: API tokens and sign-ins (a backup must not bring back what was revoked), the audit
/// log, staged uploads, sessions, queues, retained messages; those belong to the store's own backup.
/// </summary>
/// <param name="Revision">Of the configuration that was saved.</param>
/// <param name="MasterKeyId">Tells master keys apart: verifiers of generated passwords are good under the one they were made under.</param>
internal sealed record BackupDocument(
    DateTimeOffset CreatedAt,
    string CreatedBy,
    long Revision,
    string MasterKeyId,
    MqttSettings Mqtt,
    TlsSettings Tls,
    AdminSettings Admin,
    IReadOnlyList<BackupCredential?> Credentials,
    IReadOnlyList<BackupAccount?> Accounts,
    BackupClientTrust ClientTrust,
    BackupSsl? Ssl)
{
    /// <summary>Entries; the store could hold more, a restore in one piece could not.</summary>
    public const int MaximumCredentials = 100_000;

    /// <summary>Never shows a verifier.</summary>
    public override string ToString() => $"backup of revision {Revision}";
}

internal sealed record BackupCredential(string Username, string Verifier, IReadOnlyList<string> PublishAcl, IReadOnlyList<string> SubscribeAcl, bool Enabled)
{
    public override string ToString() => $"credential {Username}";
}

internal sealed record BackupAccount(string Username, AccountRole Role, string Verifier, bool MustChangePassword)
{
    public override string ToString() => $"account {Username}";
}

/// <param name="Authorities">PEM of the client CA file; null when there is none.</param>
/// <param name="RevokedSerials">See <see cref="SerialNumbers"/>.</param>
internal sealed record BackupClientTrust(
    string? Authorities,
    BackupLabel? AuthoritiesFile,
    IReadOnlyList<BackupRevocationList?> RevocationLists,
    byte[] RevokedSerials,
    IReadOnlyList<ClientCertificates.MappingRequest?> Mappings);

internal sealed record BackupRevocationList(
    string IssuerSha256,
    string IssuerKeySha256,
    string Issuer,
    string? Number,
    DateTimeOffset ThisUpdate,
    DateTimeOffset? NextUpdate,
    byte[] Serials,
    string Sha256,
    BackupLabel File);

internal sealed record BackupLabel(string FileName, DateTimeOffset UploadedAt);

/// <summary>The certificate; its key is beside the JSON, or not in the backup.</summary>
/// <param name="Certificate">PEM.</param>
/// <param name="Chain">PEM: intermediates in the order served, then the root if known.</param>
internal sealed record BackupSsl(
    string SetupId,
    string Subject,
    string SerialNumber,
    string Sha256Fingerprint,
    DateTimeOffset NotAfter,
    string Certificate,
    string Chain,
    BackupLabel? PrivateKeyFile,
    BackupLabel? CertificateFile,
    BackupLabel? ChainFile);
