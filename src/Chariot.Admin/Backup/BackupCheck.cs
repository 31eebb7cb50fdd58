using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.ClientCertificates;
using Chariot.Admin.Credentials;
using Chariot.Admin.Http;
using Chariot.Admin.Settings;

namespace Chariot.Admin.Backup;

/// <summary>
/// Judges the JSON of a backup by the rules that its parts have when they are changed one by one. Answers for every input; the first
/// hundred findings come at once.
/// </summary>
internal sealed class BackupCheck(AuthorityFile authorityFile)
{
    private const int MostFindings = 100;
    private const int MaximumLists = 100;
    private const int LongestText = 4096;
    private static readonly JsonSerializerOptions s_json = AdminJson.Create();

    private readonly List<Finding> _findings = [];

    public ImmutableArray<Finding> Findings => [.. _findings];

    public bool HasErrors => _findings.Exists(finding => finding.Severity == FindingSeverity.Error);

    /// <summary>Null when it is no document of a backup.</summary>
    public BackupDocument? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<BackupDocument>(json, s_json);
        }
        catch (JsonException error)
        {
            // The path names fields of the document; the library's text would quote values.
            Add("backup.content", Cut(error.Path ?? ""), "The content of the backup is not what this broker expects here: a field is missing, unknown or of another type.", "Restore it with the version of Chariot that wrote it.");
            return null;
        }
    }

    /// <summary>What is to be restored of <paramref name="document"/>, SSL aside; only to be used without errors.</summary>
    public ConfigurationRestore Read(BackupDocument document, string masterKeyId)
    {
        _findings.AddRange(MqttSettingsRules.Check(document.Mqtt).Select(finding => finding with { Field = "mqtt." + finding.Field }));
        if (document.Tls is not { MinVersion: "1.2" or "1.3", HandshakeTimeoutSeconds: >= 1 and <= 60 })
        {
            Add("backup.tls", "tls", "minVersion is \"1.2\" or \"1.3\", handshakeTimeoutSeconds 1 to 60.");
        }

        if (document.Admin.AdminHttp is not ("open" or "redirect" or "off"))
        {
            Add("backup.admin", "admin.adminHttp", "adminHttp is \"open\", \"redirect\" or \"off\".");
        }

        var credentials = ReadCredentials(document.Credentials);
        var accounts = ReadAccounts(document.Accounts);
        var trust = ReadTrust(document.ClientTrust, credentials);
        if (document.Mqtt.AnonymousCredential is { } anonymous && !credentials.Any(credential => credential.Username == anonymous && credential.Enabled))
        {
            Add("anonymous-credential.unknown", "mqtt.anonymousCredential", "No enabled credential of the backup has this username.");
        }

        var peppered = credentials.Count(credential => credential.PasswordVerifier!.StartsWith("$hmac-sha256$", StringComparison.Ordinal));
        if (document.MasterKeyId != masterKeyId && peppered > 0)
        {
            _findings.Add(new Finding("backup.other-master-key", FindingSeverity.Warning, string.Create(CultureInfo.InvariantCulture, $"The backup was made under another master key: {peppered} generated MQTT passwords will be refused here, except over SCRAM."))
            {
                File = BackupFile.Name,
                Remedy = "Give this broker the master key file of the old one, or generate those passwords anew.",
            });
        }

        return new ConfigurationRestore
        {
            Mqtt = document.Mqtt,
            Tls = document.Tls,
            Admin = document.Admin,
            Credentials = credentials,
            ClientTrust = trust,
            Accounts = accounts,
            ExpectedRevision = 0,
        };
    }

    private ImmutableArray<CredentialChange> ReadCredentials(IReadOnlyList<BackupCredential?> saved)
    {
        if (saved.Count > BackupDocument.MaximumCredentials)
        {
            Add("backup.too-many", "credentials", $"{saved.Count} credentials; at most {BackupDocument.MaximumCredentials} are restored.");
            return [];
        }

        var read = ImmutableArray.CreateBuilder<CredentialChange>(saved.Count);
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < saved.Count && MayGoOn; i++)
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"credentials[{i}]");
            if (saved[i] is not { } credential || !CredentialRules.CheckUsername(credential.Username).IsEmpty || !names.Add(credential.Username))
            {
                Add("backup.username", place, "The username is missing, is there twice, or is none that a credential may have.");
                continue;
            }

            if (!IsVerifier(credential.Verifier))
            {
                Add("backup.verifier", place, "The password verifier is of no known form.");
            }

            ImmutableArray<string> publish = [.. credential.PublishAcl], subscribe = [.. credential.SubscribeAcl];
            _findings.AddRange(AccessRules.Validate(publish, place + ".publishAcl").Concat(AccessRules.Validate(subscribe, place + ".subscribeAcl")).Where(finding => finding.Severity == FindingSeverity.Error));
            read.Add(new CredentialChange(credential.Username, credential.Verifier, publish, subscribe, credential.Enabled));
        }

        return read.ToImmutable();
    }

    private ImmutableArray<NewAccount> ReadAccounts(IReadOnlyList<BackupAccount?> saved)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var read = ImmutableArray.CreateBuilder<NewAccount>();
        for (var i = 0; i < saved.Count && MayGoOn; i++)
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"accounts[{i}]");
            if (saved[i] is not { } account || !AccountRules.CheckUsername(account.Username).IsEmpty || !names.Add(account.Username))
            {
                Add("backup.username", place, "The username is missing, is there twice, or is none that an account may have.");
                continue;
            }

            if (!IsVerifier(account.Verifier))
            {
                Add("backup.verifier", place, "The password verifier is of no known form.");
            }

            read.Add(new NewAccount(account.Username, account.Role, account.Verifier, account.MustChangePassword));
        }

        if (read.Count > IAccountsGrain.Capacity || !read.Any(account => account.Role == AccountRole.Administrator))
        {
            Add("backup.accounts", "accounts", $"There must be an administrator among the accounts, and at most {IAccountsGrain.Capacity} of them.");
        }

        return read.ToImmutable();
    }

    private ClientTrust ReadTrust(BackupClientTrust saved, ImmutableArray<CredentialChange> credentials)
    {
        ClientAuthorities? authorities = null;
        if (saved.Authorities is { } pem)
        {
            var inspection = authorityFile.Inspect(Encoding.UTF8.GetBytes(pem));
            _findings.AddRange(inspection.Findings.Where(finding => finding.Severity != FindingSeverity.Info));
            authorities = new ClientAuthorities
            {
                Certificates = [.. inspection.Certificates.Select(certificate => certificate.Der)],
                Details = [.. inspection.Certificates.Select(certificate => certificate.ToDetails())],
                File = Label(saved.AuthoritiesFile),
                Findings = inspection.Findings,
            };
        }

        var lists = saved.RevocationLists.Select(ReadList).OfType<RevocationList>().ToImmutableArray();
        if (lists.Length != saved.RevocationLists.Count || lists.Length > MaximumLists || lists.Sum(list => (long)list.Serials.Length) > ClientTrust.MaximumRevocationBytes)
        {
            Add("backup.crl", "clientTrust.revocationLists", "A revocation list cannot be read, or there are too many.");
        }

        if (!IsSerialSet(saved.RevokedSerials) || SerialNumbers.Count(saved.RevokedSerials) > ClientTrust.MaximumRevokedSerials)
        {
            Add("backup.revoked", "clientTrust.revokedSerials", "The revoked serial numbers cannot be read, or are too many.");
        }

        var rules = new MappingRules();
        var mappings = rules.Read(saved.Mappings);
        var known = credentials.Select(credential => credential.Username).ToHashSet(StringComparer.Ordinal);
        for (var i = 0; i < mappings.Length && rules.MayGoOn; i++)
        {
            if (!known.Contains(mappings[i].Username))
            {
                rules.UnknownUser(i);
            }
        }

        _findings.AddRange(rules.Findings.Select(finding => finding with { Field = "clientTrust.mappings" + finding.Field }));
        return new ClientTrust { Authorities = authorities, RevocationLists = lists, RevokedSerials = saved.RevokedSerials, Mappings = mappings };
    }

    private static RevocationList? ReadList(BackupRevocationList? saved) =>
        saved is null || !IsSha256(saved.IssuerSha256) || !IsSha256(saved.IssuerKeySha256) || !IsSha256(saved.Sha256) || saved.Issuer.Length > LongestText
            || saved.Number is { Length: > 64 } || !IsSerialSet(saved.Serials)
            ? null
            : new RevocationList
            {
                IssuerSha256 = saved.IssuerSha256,
                IssuerKeySha256 = saved.IssuerKeySha256,
                Issuer = saved.Issuer,
                Number = saved.Number,
                ThisUpdate = saved.ThisUpdate,
                NextUpdate = saved.NextUpdate,
                Serials = saved.Serials,
                Sha256 = saved.Sha256,
                File = Label(saved.File),
            };

    /// <summary>Sorted slots without repetition: what a look-up by halves needs.</summary>
    private static bool IsSerialSet(byte[] set)
    {
        if (set.Length % SerialNumbers.SlotSize != 0 || set.Length > ClientTrust.MaximumRevocationBytes)
        {
            return false;
        }

        for (var at = 0; at < set.Length; at += SerialNumbers.SlotSize)
        {
            var slot = set.AsSpan(at, SerialNumbers.SlotSize);
            if (slot[0] is 0 or > SerialNumbers.MaximumLength || (at > 0 && set.AsSpan(at - SerialNumbers.SlotSize, SerialNumbers.SlotSize).SequenceCompareTo(slot) >= 0))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsVerifier(string verifier) => PasswordVerifier.ReadScram(verifier) is not null || verifier.Split('$') switch
    {
        ["", "pbkdf2-sha256", var rounds, var salt, var hash] => int.TryParse(rounds, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            && count is > 0 and <= PasswordVerifier.MaximumRounds && IsBytes(salt, ScramKeys.SaltLength) && IsBytes(hash, ScramKeys.KeyLength),
        ["", "hmac-sha256", "1", var salt, var hash] => IsBytes(salt, ScramKeys.SaltLength) && IsBytes(hash, ScramKeys.KeyLength),
        _ => false,
    };

    private static bool IsBytes(string base64, int length)
    {
        Span<byte> bytes = stackalloc byte[ScramKeys.KeyLength];
        return Convert.TryFromBase64String(base64, bytes, out var written) && written == length;
    }

    private static bool IsSha256(string hex) => hex.Length == 64 && hex.All(char.IsAsciiHexDigitLower);

    public static SslFileLabel Label(BackupLabel? saved) => new(Ssl.SslUpload.Label(saved?.FileName ?? ""), saved?.UploadedAt ?? DateTimeOffset.UnixEpoch);

    private bool MayGoOn => _findings.Count < MostFindings;

    private void Add(string code, string field, string message, string? remedy = null) =>
        _findings.Add(new Finding(code, FindingSeverity.Error, message) { File = BackupFile.Name, Field = field, Remedy = remedy });

    private static string Cut(string path) => path.Length <= 200 ? path : path[..200];
}
