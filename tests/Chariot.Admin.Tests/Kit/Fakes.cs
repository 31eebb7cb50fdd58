using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Ssl;
using Orleans.Runtime;

namespace Chariot.Admin.Tests.Kit;

/// <summary>Hands out the fakes, and the real accounts grain under a key of the test's own.</summary>
public class FakeGrainFactory : DispatchProxy
{
    private IGrainFactory _cluster = null!;
    private FakeConfigurationGrain _configuration = null!;
    private string _accountsKey = "";

    internal static IGrainFactory Create(IGrainFactory cluster, FakeConfigurationGrain configuration)
    {
        var proxy = Create<IGrainFactory, FakeGrainFactory>();
        var self = (FakeGrainFactory)(object)proxy;
        self._cluster = cluster;
        self._configuration = configuration;
        return proxy;
    }

    /// <summary>Accounts of its own for the next test.</summary>
    internal void Reset() => _accountsKey = Guid.NewGuid().ToString("N");

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.ReturnType switch
    {
        var t when t == typeof(IConfigurationGrain) => _configuration,
        var t when t == typeof(IAccountsGrain) => _cluster.GetGrain<IAccountsGrain>(_accountsKey),
        var t when t == typeof(ICredentialGrain) => new FakeCredentialGrain(_configuration, (string)args![0]!),
        var t => throw new NotSupportedException(t.Name),
    };
}

internal sealed class FakeCredentialGrain(FakeConfigurationGrain configuration, string username) : ICredentialGrain
{
    public ValueTask<CredentialRecord?> GetAsync() => ValueTask.FromResult(configuration.Credentials.GetValueOrDefault(username));

    public ValueTask PutAsync(CredentialRecord? record) => throw new NotSupportedException();
}

/// <summary>Keeps the rules that the API maps to status codes, without a cluster.</summary>
internal sealed class FakeConfigurationGrain : IConfigurationGrain
{
    public ConcurrentDictionary<string, CredentialRecord> Credentials { get; } = new();

    public BrokerConfiguration Current { get; set; } = new() { Revision = 1 };

    public ImmutableDictionary<SslFile, StagedSslFile> Staged { get; set; } = ImmutableDictionary<SslFile, StagedSslFile>.Empty;

    /// <summary>Given instead of the next change.</summary>
    public ChangeResult? Next { get; set; }

    public ImmutableArray<NodeResult> Nodes { get; set; } = [new NodeResult("n1", 0, true, null)];

    /// <summary>Runs before a change is answered, as the push to this silo does.</summary>
    public Func<BrokerConfiguration, Task> Push { get; set; } = _ => Task.CompletedTask;

    public List<SslConfiguration> SetUp { get; } = [];

    public void Reset()
    {
        Credentials.Clear();
        SetUp.Clear();
        Restored.Clear();
        Confirmed.Clear();
        (Current, Staged, Next, History) = (new BrokerConfiguration { Revision = 1 }, Staged.Clear(), null, []);
        Trust = ClientTrust.None;
        (Nodes, Push) = ([new NodeResult("n1", 0, true, null)], _ => Task.CompletedTask);
    }

    public ValueTask<BrokerConfiguration> GetAsync() => ValueTask.FromResult(Current);

    public ValueTask<ConfigurationUpdate> GetUpdateAsync(long sinceRevision) => ValueTask.FromResult(new ConfigurationUpdate(Current, default));

    public ValueTask<LeaseAnswer> RenewLeaseAsync(SiloAddress silo, long sinceRevision) => throw new NotSupportedException("No admin host asks this.");

    public ValueTask<bool> InitializeAsync(MqttSettings bootstrap) => throw new NotSupportedException();

    public ValueTask<ChangeResult> SetMqttAsync(MqttSettings settings, long? expectedRevision) =>
        settings.AnonymousCredential is { } name && Credentials.GetValueOrDefault(name) is not { Enabled: true }
            ? Refused(ChangeOutcome.UnknownCredential)
            : ChangeAsync(Current with { Mqtt = settings }, expectedRevision);

    public ValueTask<ChangeResult> SetTlsAsync(TlsSettings settings, long? expectedRevision) => ChangeAsync(Current with { Tls = settings }, expectedRevision);

    public ValueTask<ChangeResult> SetAdminAsync(AdminSettings settings, long? expectedRevision) => ChangeAsync(Current with { Admin = settings }, expectedRevision);

    public ValueTask<ChangeResult> PutCredentialAsync(CredentialChange change, bool create, long? expectedRevision)
    {
        var before = Credentials.GetValueOrDefault(change.Username);
        if (create == before is not null)
        {
            return Refused(create ? ChangeOutcome.CredentialExists : ChangeOutcome.NotFound);
        }

        if (before is not null && expectedRevision is not null && expectedRevision != before.Revision)
        {
            return Refused(ChangeOutcome.RevisionConflict);
        }

        Credentials[change.Username] = new CredentialRecord(
            change.Username, change.PasswordVerifier ?? before!.PasswordVerifier, change.PublishAcl, change.SubscribeAcl, change.Enabled, Current.Revision + 1);
        return ChangeAsync(Current, null);
    }

    public ValueTask<ChangeResult> DeleteCredentialAsync(string username, long? expectedRevision)
    {
        if (Current.Mqtt.AnonymousCredential == username)
        {
            return Refused(ChangeOutcome.CredentialInUse);
        }

        return Credentials.TryRemove(username, out _) ? ChangeAsync(Current, null) : Refused(ChangeOutcome.NotFound);
    }

    public ValueTask<ImmutableDictionary<SslFile, StagedSslFile>> GetStagedAsync() => ValueTask.FromResult(Staged);

    public ImmutableArray<SslSetupRecord> History { get; set; } = [];

    public ValueTask<ImmutableArray<SslSetupRecord>> GetSslHistoryAsync() => ValueTask.FromResult(History);

    public ValueTask StageAsync(SslFile file, StagedSslFile? staged)
    {
        Staged = staged is null ? Staged.Remove(file) : Staged.SetItem(file, staged);
        return ValueTask.CompletedTask;
    }

    public async ValueTask<ChangeResult> SetupSslAsync(SslConfiguration candidate, bool replace, long? expectedRevision)
    {
        if (Current.Ssl is not null && !replace)
        {
            return await Refused(ChangeOutcome.AlreadySetUp);
        }

        var result = await ChangeAsync(Current with { Ssl = candidate }, expectedRevision);
        if (result.Outcome == ChangeOutcome.Applied)
        {
            SetUp.Add(candidate);
            Staged = Staged.RemoveRange(Staged.Where(s => s.Value.GeneratedKeyId is null || s.Value.GeneratedKeyId == candidate.GeneratedKeyId).Select(s => s.Key));
        }

        return result;
    }

    public async ValueTask<ChangeResult> DeleteSslAsync(long? expectedRevision)
    {
        Staged = Staged.Clear();
        return await ChangeAsync(Current with { Ssl = null }, expectedRevision);
    }

    public ClientTrust Trust { get; set; } = ClientTrust.None;

    /// <summary>Runs once before the next change of the trust: another administrator's.</summary>
    public Action? BeforeTrust { get; set; }

    public ValueTask<ClientTrust> GetClientTrustAsync() => ValueTask.FromResult(Trust);

    public async ValueTask<ChangeResult> SetClientTrustAsync(ClientTrust trust, long replaces)
    {
        if (BeforeTrust is { } other)
        {
            BeforeTrust = null;
            other();
        }

        if (replaces != Trust.Revision)
        {
            return await Refused(ChangeOutcome.RevisionConflict);
        }

        var result = await ChangeAsync(Current with { ClientTrustRevision = Current.Revision + 1 }, null);
        if (result.Outcome == ChangeOutcome.Applied)
        {
            Trust = trust with { Revision = result.Revision };
        }

        return result;
    }

    public List<string> Confirmed { get; } = [];

    public ValueTask<ChangeResult> ConfirmSslAsync(string setupId, long seen)
    {
        Confirmed.Add(setupId);
        return ChangeAsync(Current, null);
    }

    public List<ConfigurationRestore> Restored { get; } = [];

    public ValueTask<ChangeResult> RestoreAsync(ConfigurationRestore restore)
    {
        if (Current.Ssl is not null && restore.Ssl is not null && !restore.Replace)
        {
            return Refused(ChangeOutcome.AlreadySetUp);
        }

        Restored.Add(restore);
        return ChangeAsync(Current with { Mqtt = restore.Mqtt, Ssl = restore.Ssl ?? Current.Ssl }, restore.ExpectedRevision);
    }

    private async ValueTask<ChangeResult> ChangeAsync(BrokerConfiguration changed, long? expectedRevision)
    {
        if (Next is { } next)
        {
            Next = null;
            return next;
        }

        if (expectedRevision is not null && expectedRevision != Current.Revision)
        {
            return await Refused(ChangeOutcome.RevisionConflict);
        }

        Current = changed with { Revision = Current.Revision + 1 };
        await Push(Current);
        return new ChangeResult(ChangeOutcome.Applied, Current.Revision, [.. Nodes.Select(n => n with { Revision = Current.Revision })]);
    }

    private ValueTask<ChangeResult> Refused(ChangeOutcome outcome) => ValueTask.FromResult(new ChangeResult(outcome, Current.Revision, []));
}

internal sealed class FakeStateIndex(FakeConfigurationGrain configuration) : IGrainStateIndex
{
    public Task<IReadOnlyList<KeyValuePair<string, T>>> ReadAsync<T>(string stateName, string? afterKey, int limit, string? prefix = null, CancellationToken cancellationToken = default)
    {
        Assert.Equal(StateNames.Credential, stateName);
        IReadOnlyList<KeyValuePair<string, T>> rows =
        [
            .. configuration.Credentials
                .Where(c => (afterKey is null || string.CompareOrdinal(c.Key, afterKey) > 0) && c.Key.StartsWith(prefix ?? "", StringComparison.Ordinal))
                .OrderBy(c => c.Key, StringComparer.Ordinal)
                .Take(limit)
                .Select(c => KeyValuePair.Create(c.Key, (T)(object)c.Value)),
        ];
        return Task.FromResult(rows);
    }
}

internal sealed class FakeAuditLog : IAuditLog
{
    private readonly ConcurrentQueue<AuditEntry> _entries = new();

    public bool Broken { get; set; }

    public void Reset()
    {
        _entries.Clear();
        Broken = false;
    }

    public IReadOnlyList<AuditEntry> Entries => [.. _entries];

    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken = default)
    {
        if (Broken)
        {
            throw new IOException("disk of the audit log is full");
        }

        _entries.Enqueue(entry with { Id = _entries.Count + 1 });
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<AuditEntry>> ReadAsync(long? before, int limit, CancellationToken cancellationToken = default) =>
        Task.FromResult<IReadOnlyList<AuditEntry>>([.. _entries.Where(e => before is null || e.Id < before).OrderByDescending(e => e.Id).Take(limit)]);
}

/// <summary>Sealing that is real enough to keep clear bytes out of what is stored.</summary>
internal sealed class FakeSealer : ISecretSealer
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public SealedSecret Seal(ReadOnlySpan<byte> clear, string associatedData)
    {
        var nonce = RandomNumberGenerator.GetBytes(12);
        var sealedBytes = new byte[clear.Length + 16];
        using var aes = new AesGcm(_key, 16);
        aes.Encrypt(nonce, clear, sealedBytes.AsSpan(16), sealedBytes.AsSpan(0, 16), Encoding.UTF8.GetBytes(associatedData));
        return new SealedSecret([], nonce, sealedBytes);
    }

    public ClearSecret Open(SealedSecret secret, string associatedData)
    {
        var clear = new ClearSecret(secret.Ciphertext.Length - 16);
        using var aes = new AesGcm(_key, 16);
        aes.Decrypt(secret.Nonce, secret.Ciphertext.AsSpan(16), secret.Ciphertext.AsSpan(0, 16), clear.Bytes, Encoding.UTF8.GetBytes(associatedData));
        return clear;
    }

    public byte[] Derive(string purpose) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(purpose));
}

/// <summary>Takes any file for good that does not begin with "bad"; the rules are tested elsewhere.</summary>
internal sealed class FakeValidator : ICertificateBundleValidator
{
    public static readonly CertificateDetails Details = new()
    {
        Subject = "CN=mqtt.example",
        Issuer = "CN=ca.example",
        SerialNumber = "01",
        NotBefore = DateTimeOffset.UnixEpoch,
        NotAfter = DateTimeOffset.UnixEpoch.AddYears(100),
        KeyType = "RSA",
        KeyBits = 2048,
        SignatureAlgorithm = "sha256RSA",
        Sha256Fingerprint = new string('a', 64),
    };

    public FileInspection InspectFile(SslFile slot, ReadOnlySpan<byte> content, ClearSecret? passphrase = null) => new("a " + slot, Judge(slot, content));

    public BundleInspection InspectBundle(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> serverCertificate, ReadOnlySpan<byte> caChain, ClearSecret? passphrase = null)
    {
        ImmutableArray<Finding> findings =
            [.. Judge(SslFile.PrivateKey, privateKey), .. Judge(SslFile.ServerCertificate, serverCertificate), .. Judge(SslFile.CaChain, caChain)];
        if (!findings.IsEmpty)
        {
            return new BundleInspection { Findings = findings };
        }

        var key = new ClearSecret(privateKey.Length);
        privateKey.CopyTo(key.Bytes);
        return new BundleInspection
        {
            Findings = [new Finding("chain.no-root", FindingSeverity.Warning, "The root is not there.") { File = "caChain" }],
            Pkcs8Key = key,
            Leaf = serverCertificate.ToArray(),
            Details = Details,
        };
    }

    private static ImmutableArray<Finding> Judge(SslFile slot, ReadOnlySpan<byte> content)
    {
        var file = SslUpload.NameOf(slot);
        return System.Runtime.CompilerServices.Unsafe.IsNullRef(ref System.Runtime.InteropServices.MemoryMarshal.GetReference(content))
            ? [new Finding("file.missing", FindingSeverity.Error, "The file is missing.") { File = file }]
            : content.StartsWith("bad"u8) ? [new Finding("file.not-pem", FindingSeverity.Error, "This is not PEM.") { File = file, Line = 1 }] : [];
    }
}
