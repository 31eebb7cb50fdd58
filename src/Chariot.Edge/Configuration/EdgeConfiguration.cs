using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Authentication;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Listeners;
using Chariot.Edge.Packets;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;

namespace Chariot.Edge.Configuration;

/// <summary>
/// Makes this edge act on a configuration: rights of every session, live or away, then a barrier for the read batches that
/// began under the old rights, then the copies that wait and may no longer be delivered. When <see cref="ApplyAsync"/>
/// returns, no message that was refused by the new rights leaves this edge (architecture, invariant 4).
/// </summary>
internal sealed class EdgeConfiguration(
    IConfigurationFeed feed,
    EdgeListeners listeners,
    ConnectionRegistry connections,
    SessionRegistry sessions,
    RouteTable routes,
    PublishHandler publish,
    SessionServices services,
    ServedCertificateProbe probe,
    UntrustedConnections untrusted,
    ClientCertificates certificates,
    CertificateSignIn certificateSignIn,
    EdgeLog log) : IConfigurationConsumer
{
    private MqttSettings _applied = new();
    private string? _servedSetup;
    private bool _isOpen;

    public ValueTask<string?> PrepareTlsAsync(TlsMaterial candidate, CancellationToken cancellationToken) => new(listeners.PrepareSecure());

    public ValueTask AbandonTlsAsync()
    {
        listeners.AbandonSecure();
        return default;
    }

    public async ValueTask ApplyAsync(ConfigurationChange change, CancellationToken cancellationToken)
    {
        var settings = change.Configuration.Mqtt;
        ApplySettings(settings);
        var trustChanged = certificates.Apply(settings.ClientCertificates, change.ClientTrust);
        var closed = trustChanged ? untrusted.Close(change.Configuration.Revision) : [];
        var (disconnected, suspended, resumed, narrowed) = await ApplyRightsAsync(change, settings, trustChanged, cancellationToken);
        services.StoreCallbacks.WaitForBatch();
        services.Background.WaitForBatch();
        connections.WaitForBatches();
        services.Peers.WaitForBatches();
        await PurgeAsync(narrowed);
        if (_isOpen)
        {
            var before = _servedSetup;
            ApplyListeners(change);
            if (before != _servedSetup)
            {
                // The answer to the change is to find its certificate here.
                await probe.ProbeAsync(listeners.SecureEndPoint, change.Tls?.Fingerprint);
            }
        }

        await untrusted.SeeOffAsync(closed, cancellationToken);
        _applied = settings;
        log.ConfigurationApplied(change.Configuration.Revision, disconnected, suspended, resumed);
    }

    /// <summary>Opens the listeners, once everything that clients need is there.</summary>
    public void Open()
    {
        _isOpen = true;
        listeners.ApplyPlain(feed.Current.Mqtt.PlainListenerEnabled);
        listeners.ApplySecure(feed.Tls, feed.Current.Tls);
        _servedSetup = feed.Tls?.SetupId;
        probe.Start(() => listeners.SecureEndPoint, () => feed.Tls?.Fingerprint);
    }

    private void ApplySettings(MqttSettings settings)
    {
        services.Limits = settings.Limits;
        foreach (var connection in connections.All)
        {
            connection.Outbound.MaximumBytes = settings.Limits.MaximumQueuedBytes;
            connection.Outbound.MaximumPackets = settings.Limits.MaximumQueuedMessages;
            connection.MaximumInboundPacketSize = settings.Limits.MaximumPacketSize;
        }

        publish.OnDenied = settings.OnDenied;
        if (routes.MaximumTopicLength != settings.Limits.MaximumTopicLength || routes.MaximumTopicLevels != settings.Limits.MaximumTopicLevels)
        {
            routes.MaximumTopicLength = settings.Limits.MaximumTopicLength;
            routes.MaximumTopicLevels = settings.Limits.MaximumTopicLevels;
            routes.ForgetTopics();
            // What connections remember of topics was decided under the old limits.
            foreach (var session in sessions.All)
            {
                session.RenewAccess();
            }
        }

        routes.Sharing.Strategy = settings.SharedSubscriptionStrategy;
    }

    private async Task<(int Disconnected, int Suspended, int Resumed, List<ClientSession> Narrowed)> ApplyRightsAsync(ConfigurationChange change, MqttSettings settings, bool trustChanged, CancellationToken cancellationToken)
    {
        var anonymousChanged = settings.AllowAnonymous != _applied.AllowAnonymous || settings.AnonymousCredential != _applied.AnonymousCredential;
        var (disconnected, suspended, resumed) = (0, 0, 0);
        var affected = new List<ClientSession>();
        foreach (var session in sessions.All)
        {
            var credential = session.Principal.Username ?? settings.AnonymousCredential;
            var concerned = change.ChangedCredentials is null
                || (credential is not null && change.ChangedCredentials.Contains(credential))
                || (session.Principal.IsAnonymous && anonymousChanged);
            // A trust gives no rights and takes none, but it may say that a certificate is somebody else's.
            if (!concerned && !(trustChanged && session.Connection is { Transport.ClientCertificate: not null } shown && !await HoldsAsync(session, shown)))
            {
                continue;
            }

            session.Access = new ClientAccess(await AccessResolver.ResolveAsync(feed, session.Principal, session.ClientId, cancellationToken));
            var (lost, regained) = sessions.Reconsider(session);
            suspended += lost;
            resumed += regained;
            affected.Add(session);
            if (session.Connection is { } connection && !await HoldsAsync(session, connection))
            {
                connection.PublishesWill = session.Access.List != AccessControlList.Nothing;
                connection.Close(ReasonCode.NotAuthorized);
                disconnected++;
            }
        }

        return (disconnected, suspended, resumed, affected);

        ValueTask<bool> HoldsAsync(ClientSession session, MqttConnection connection) =>
            certificateSignIn.HoldsAsync(session.Principal, connection.Verifier, connection.Transport.ClientCertificate, cancellationToken);
    }

    private async Task PurgeAsync(List<ClientSession> affected)
    {
        foreach (var session in affected)
        {
            var list = session.Access.List;
            // A topic name is a filter without wildcards: the right to receive it is the right to subscribe to it.
            bool IsDenied(ReadOnlySpan<byte> topic) => !list.AllowsSubscribe(System.Text.Encoding.UTF8.GetString(topic));

            var batch = FlushBatch.Current;
            session.Purge(IsDenied, batch);
            batch.Flush(services.Metrics);
            await session.PurgeStoredAsync(IsDenied);
        }
    }

    private void ApplyListeners(ConfigurationChange change)
    {
        listeners.ApplyPlain(change.Configuration.Mqtt.PlainListenerEnabled);
        if (!change.Configuration.Mqtt.PlainListenerEnabled && _applied.PlainListenerEnabled)
        {
            CloseConnections(secure: false);
        }

        listeners.ApplySecure(change.Tls, change.Configuration.Tls);
        if (change.Tls is null && _servedSetup is not null)
        {
            CloseConnections(secure: true);
        }

        _servedSetup = change.Tls?.SetupId;
    }

    private void CloseConnections(bool secure)
    {
        foreach (var connection in connections.All)
        {
            if (connection.Transport.Secure == secure)
            {
                connection.Close(ReasonCode.AdministrativeAction);
            }
        }
    }
}
