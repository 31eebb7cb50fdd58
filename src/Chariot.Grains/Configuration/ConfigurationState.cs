using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;

namespace Chariot.Grains.Configuration;

/// <summary>Everything the configuration grain owns, as one immutable value that is committed in one write.</summary>
[GenerateSerializer, Immutable, Alias("chariot.configuration-state.v1")]
internal sealed record ConfigurationState
{
    /// <summary>Credential changes remembered; a silo further behind re-reads all of its credentials.</summary>
    public const int MaximumLog = 1000;

    /// <summary>Set-ups remembered, the one in force included.</summary>
    public const int MaximumHistory = 20;

    /// <summary>Null until the first record is written.</summary>
    [Id(0)] public BrokerConfiguration? Configuration { get; init; }

    /// <summary>Latest credential changes, oldest first.</summary>
    [Id(1)] public ImmutableArray<CredentialLogEntry> Log { get; init; } = [];

    /// <summary>Changes up to this revision may be missing from <see cref="Log"/>.</summary>
    [Id(2)] public long LogFloor { get; init; }

    /// <summary>Sealed uploads that wait for a set-up.</summary>
    [Id(3)] public ImmutableDictionary<SslFile, StagedSslFile> Staged { get; init; } = ImmutableDictionary<SslFile, StagedSslFile>.Empty;

    /// <summary>
    /// A credential that is being changed: its own record may already be new while this one has not counted it. Found after a
    /// crash, it is counted as changed.
    /// </summary>
    [Id(4)] public string? PendingCredential { get; init; }

    /// <summary>Secrets were deleted or overwritten and the store has not been told to erase them yet.</summary>
    [Id(5)] public bool EraseDue { get; init; }

    /// <summary>A sealed key that was generated on the server and waits for its certificate, however long that takes.</summary>
    [Id(6)] public StagedSslFile? PendingKey { get; init; }

    /// <summary>The last set-ups, oldest first, at most <see cref="MaximumHistory"/>.</summary>
    [Id(7)] public ImmutableArray<SslSetupRecord> History { get; init; } = [];

    /// <summary>
    /// Name of the <see cref="RestoreState"/> that is being carried out. Once this is committed, the restore is: what a crash cuts short is
    /// finished by the next activation.
    /// </summary>
    [Id(8)] public string? PendingRestore { get; init; }

    // Not public, so that no serializer takes it for state.
    internal BrokerConfiguration Current => Configuration ?? new BrokerConfiguration();

    /// <summary>The next revision; <paramref name="username"/> names the credential that it changes, if any.</summary>
    public ConfigurationState Next(BrokerConfiguration changed, string? username = null)
    {
        var next = this with { Configuration = changed with { Revision = Current.Revision + 1, ConfigurationId = Current.ConfigurationId ?? NewId() } };
        return username is null ? next : next.WithLogged(username);
    }

    /// <summary>Which credentials changed after <paramref name="since"/>; default when the log does not reach back.</summary>
    public ImmutableArray<string> ChangedCredentials(long since) =>
        since < LogFloor || since > Current.Revision
            ? default
            : [.. Log.Where(entry => entry.Revision > since).Select(entry => entry.Username).Distinct(StringComparer.Ordinal)];

    /// <summary>Ends the set-up in force, if any, and begins <paramref name="ssl"/>, if any. The revision is this state's.</summary>
    public ConfigurationState WithHistory(SslConfiguration? ssl, DateTimeOffset now)
    {
        var history = History.ToBuilder();
        if (history.Count > 0 && history[^1].RemovedAt is null)
        {
            history[^1] = history[^1] with { RemovedAt = now, Removal = ssl is null ? SslRemoval.Deleted : SslRemoval.Replaced };
        }

        if (ssl is not null)
        {
            history.Add(new SslSetupRecord
            {
                SetupId = ssl.SetupId,
                Revision = Current.Revision,
                Subject = ssl.Details.Subject,
                SerialNumber = ssl.Details.SerialNumber,
                Sha256Fingerprint = ssl.Details.Sha256Fingerprint,
                NotBefore = ssl.Details.NotBefore,
                NotAfter = ssl.Details.NotAfter,
                SetUpAt = now,
                SetUpBy = ssl.SetUpBy,
                KeySha256 = KeyOf(ssl.Certificate),
            });
        }

        return this with { History = [.. history.TakeLast(MaximumHistory)] };
    }

    /// <summary>As after a change of which nobody can tell what it touched: every silo reads all of its credentials again.</summary>
    public ConfigurationState WithEveryCredentialChanged() => this with { Log = [], LogFloor = Current.Revision };

    /// <summary>A decision about SSL: its revision is above <paramref name="seen"/> too, which a node may have seen of a store that this one is an old copy of.</summary>
    public ConfigurationState NextSsl(BrokerConfiguration changed, long seen)
    {
        var next = Next(changed);
        var revision = Math.Max(next.Current.Revision, seen + 1);
        return next with { Configuration = next.Current with { Revision = revision, SslRevision = revision } };
    }

    /// <summary>The same revision, with a name for this line of revisions.</summary>
    public ConfigurationState Named() => this with { Configuration = Current with { ConfigurationId = Current.ConfigurationId ?? NewId() } };

    private static string NewId() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    private static string? KeyOf(byte[] certificate)
    {
        try
        {
            using var read = X509CertificateLoader.LoadCertificate(certificate);
            return Convert.ToHexStringLower(SHA256.HashData(read.PublicKey.ExportSubjectPublicKeyInfo()));
        }
        catch (CryptographicException)
        {
            // It was validated where it came in; a history without the key is no reason to refuse a set-up.
            return null;
        }
    }

    private ConfigurationState WithLogged(string username)
    {
        var log = Log.Add(new CredentialLogEntry(Current.Revision, username));
        return log.Length <= MaximumLog
            ? this with { Log = log }
            : this with { Log = log.RemoveAt(0), LogFloor = log[0].Revision };
    }
}

[GenerateSerializer, Immutable, Alias("chariot.credential-log-entry.v1")]
internal sealed record CredentialLogEntry([property: Id(0)] long Revision, [property: Id(1)] string Username);
