using Chariot.Abstractions.Access;

namespace Chariot.Abstractions.Configuration;

/// <summary>
/// This process's view of the configuration: one immutable value, swapped when a newer revision has been applied, and the
/// credentials it has met. Implemented once per process; never older than what the admin API has answered for.
/// </summary>
public interface IConfigurationFeed
{
    /// <summary>The configuration this process acts on.</summary>
    BrokerConfiguration Current { get; }

    /// <summary>The certificate served; null while SSL is not set up or cannot be opened here.</summary>
    TlsMaterial? Tls { get; }

    /// <summary>Which client certificates are accepted; belongs to <see cref="Current"/>.</summary>
    ClientTrust ClientTrust => ClientTrust.None;

    /// <summary>A credential at the current revision; null when there is none. Cached, so mostly synchronous.</summary>
    ValueTask<CredentialRecord?> FindCredentialAsync(string username, CancellationToken cancellationToken = default);
}

/// <summary>
/// A part of this process that acts on the configuration (MQTT listeners, sessions, the admin server). Consumers are called
/// one after the other in the order registered; a push is answered when all of them have returned.
/// </summary>
public interface IConfigurationConsumer
{
    /// <summary>
    /// Gets ready to serve <paramref name="candidate"/>: bind ports, build contexts, without touching what is served now.
    /// Returns null when ready, otherwise one sentence that names port and cause.
    /// </summary>
    ValueTask<string?> PrepareTlsAsync(TlsMaterial candidate, CancellationToken cancellationToken);

    /// <summary>Gives up what <see cref="PrepareTlsAsync"/> held. Called on failure elsewhere, or after 30 s without activation.</summary>
    ValueTask AbandonTlsAsync();

    /// <summary>Acts on <paramref name="change"/>. When it returns, nothing here acts on an older revision.</summary>
    ValueTask ApplyAsync(ConfigurationChange change, CancellationToken cancellationToken);
}

/// <summary>A revision to act on, with what this process derived from it.</summary>
/// <param name="Configuration">The new configuration.</param>
/// <param name="ChangedCredentials">Usernames to re-read; null when any may have changed.</param>
/// <param name="Tls">The certificate to serve; null when SSL is not set up.</param>
public sealed record ConfigurationChange(
    BrokerConfiguration Configuration,
    IReadOnlyCollection<string>? ChangedCredentials,
    TlsMaterial? Tls)
{
    /// <summary>Which client certificates are accepted from now on.</summary>
    public ClientTrust ClientTrust { get; init; } = ClientTrust.None;
}
