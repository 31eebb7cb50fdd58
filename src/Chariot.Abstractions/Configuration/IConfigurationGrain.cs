using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Chariot.Abstractions.Configuration;

/// <summary>
/// The singleton (key <see cref="Key"/>) that owns the configuration and its revision. A changing call commits, pushes the
/// new revision to every live silo and answers when each has applied it. Reads interleave and return what is committed.
/// No method takes or returns key material in clear.
/// </summary>
[Alias("chariot.configuration.v1")]
public interface IConfigurationGrain : IGrainWithStringKey
{
    public const string Key = "0";

    [Alias("Get"), AlwaysInterleave] ValueTask<BrokerConfiguration> GetAsync();

    /// <summary>The configuration and which credentials changed since <paramref name="sinceRevision"/>.</summary>
    [Alias("GetUpdate"), AlwaysInterleave] ValueTask<ConfigurationUpdate> GetUpdateAsync(long sinceRevision);

    /// <summary>
    /// As <see cref="GetUpdateAsync"/>, asked by <paramref name="silo"/> about once a second. When granted, a silo that acts on the
    /// revision in the answer may go on for <see cref="ConfigurationLease.Duration"/> from the moment it asked.
    /// </summary>
    [Alias("RenewLease"), AlwaysInterleave] ValueTask<LeaseAnswer> RenewLeaseAsync(SiloAddress silo, long sinceRevision);

    /// <summary>Commits the first record if there is none; returns whether this call did. Later callers' values are ignored.</summary>
    [Alias("Initialize")] ValueTask<bool> InitializeAsync(MqttSettings bootstrap);

    [Alias("SetMqtt")] ValueTask<ChangeResult> SetMqttAsync(MqttSettings settings, long? expectedRevision);

    [Alias("SetTls")] ValueTask<ChangeResult> SetTlsAsync(TlsSettings settings, long? expectedRevision);

    [Alias("SetAdmin")] ValueTask<ChangeResult> SetAdminAsync(AdminSettings settings, long? expectedRevision);

    /// <summary>
    /// Creates or replaces a credential. <paramref name="create"/>: refused when it exists; otherwise refused when it does
    /// not. A null verifier in <paramref name="change"/> keeps the stored one.
    /// </summary>
    [Alias("PutCredential")] ValueTask<ChangeResult> PutCredentialAsync(CredentialChange change, bool create, long? expectedRevision);

    [Alias("DeleteCredential")] ValueTask<ChangeResult> DeleteCredentialAsync(string username, long? expectedRevision);

    /// <summary>
    /// The one staged set of the cluster; entries past their time are gone. A key that was generated on the server is shown as
    /// private key unless one was uploaded since.
    /// </summary>
    [Alias("GetStaged"), AlwaysInterleave] ValueTask<ImmutableDictionary<SslFile, StagedSslFile>> GetStagedAsync();

    /// <summary>
    /// Stages a file, or with null removes what <see cref="GetStagedAsync"/> shows of it. A generated key has a slot of its own
    /// that does not expire: the next generated key replaces it, a set-up that takes it and <see cref="DeleteSslAsync"/> clear it.
    /// </summary>
    [Alias("Stage")] ValueTask StageAsync(SslFile file, StagedSslFile? staged);

    /// <summary>
    /// Prepares <paramref name="candidate"/> on every live silo, then commits and activates it. With
    /// <paramref name="replace"/> false an existing set-up is refused. Clears the staged set on success.
    /// </summary>
    [Alias("SetupSsl")] ValueTask<ChangeResult> SetupSslAsync(SslConfiguration candidate, bool replace, long? expectedRevision);

    /// <summary>The last 20 set-ups, oldest first; the last one may be in force.</summary>
    [Alias("GetSslHistory"), AlwaysInterleave] ValueTask<ImmutableArray<SslSetupRecord>> GetSslHistoryAsync();

    /// <summary>Back to not set up; never refused for an absent node. Clears the staged set.</summary>
    [Alias("DeleteSsl")] ValueTask<ChangeResult> DeleteSslAsync(long? expectedRevision);

    /// <summary>
    /// Says that the set-up in force may be served although a node has a record of a later decision (an old copy of the store): gives it a
    /// revision above every such record. <see cref="ChangeOutcome.NotFound"/> without a set-up, <see cref="ChangeOutcome.RevisionConflict"/>
    /// when it is not that of <paramref name="setupId"/>.
    /// </summary>
    /// <param name="seen">The caller's own record.</param>
    [Alias("ConfirmSsl")] ValueTask<ChangeResult> ConfirmSslAsync(string setupId, long seen);

    /// <summary>
    /// Replaces everything that is configured by what a backup holds, accounts and credentials included: all or nothing, finished by the next
    /// activation after a crash. A certificate is prepared on every live silo first.
    /// </summary>
    [Alias("Restore"), ResponseTimeout("00:05:00")] ValueTask<ChangeResult> RestoreAsync(ConfigurationRestore restore);

    /// <summary>The trust in client certificates that <see cref="GetAsync"/>'s answer names.</summary>
    [Alias("GetClientTrust"), AlwaysInterleave] ValueTask<ClientTrust> GetClientTrustAsync();

    /// <summary>
    /// Replaces the trust in client certificates; its <see cref="ClientTrust.Revision"/> is given here. Refused with
    /// <see cref="ChangeOutcome.RevisionConflict"/> when the one in force is not that of <paramref name="replaces"/>, and with
    /// <see cref="ChangeOutcome.UnknownCredential"/> for a mapping to a credential that is not configured.
    /// </summary>
    [Alias("SetClientTrust")] ValueTask<ChangeResult> SetClientTrustAsync(ClientTrust trust, long replaces);
}

/// <summary>A change of one credential; see <see cref="CredentialRecord"/> for the bounds.</summary>
[GenerateSerializer, Immutable, Alias("chariot.credential-change.v1")]
public sealed record CredentialChange(
    [property: Id(0)] string Username,
    [property: Id(1)] string? PasswordVerifier,
    [property: Id(2)] ImmutableArray<string> PublishAcl,
    [property: Id(3)] ImmutableArray<string> SubscribeAcl,
    [property: Id(4)] bool Enabled)
{
    public override string ToString() => $"change of credential {Username}";
}

/// <param name="Granted">False while the grain cannot tell whether another activation of it may exist.</param>
[GenerateSerializer, Immutable, Alias("chariot.lease-answer.v1")]
public sealed record LeaseAnswer(
    [property: Id(0)] ConfigurationUpdate Update,
    [property: Id(1)] bool Granted);
