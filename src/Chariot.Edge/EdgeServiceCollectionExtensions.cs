using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Edge.Authentication;
using Chariot.Edge.Configuration;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Limiting;
using Chariot.Edge.Links;
using Chariot.Edge.Listeners;
using Chariot.Edge.Packets;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Chariot.Edge;

public static class EdgeServiceCollectionExtensions
{
    /// <summary>
    /// The MQTT edge: listeners, sessions, routing. Needs a message store, a configuration feed, edge links and a secret sealer
    /// from elsewhere; <see cref="IEdgeStart"/> starts it.
    /// </summary>
    public static IServiceCollection AddMqttEdge(this IServiceCollection services)
    {
        services.AddSingleton(TimeProvider.System);
        services.TryAddSingleton(new ConfigurationLeaseOptions(Required: false));
        services.TryAddSingleton<ConfigurationLease>();
        services.AddSingleton<MessageIds>();
        services.AddSingleton<EdgeMetrics>();
        services.AddSingleton<EdgeLog>();

        services.AddSingleton<RouteTable>();
        services.AddSingleton<RetainedMessages>();
        services.AddSingleton<AckOrPersistTimer>();
        services.AddSingleton<SessionServices>();
        services.AddSingleton<SessionRegistry>();
        services.AddSingleton<SessionEnd>();
        services.AddSingleton<Authenticator>();
        services.AddSingleton<SeenCertificates>();
        services.AddSingleton<ClientCertificates>();
        services.AddSingleton<CertificateSignIn>();
        services.AddSingleton<ScramAuthenticator>();

        services.AddSingleton<PeerLog>();
        services.AddSingleton<PeerDeliveries>();
        services.AddSingleton<SessionHandOver>();
        services.AddSingleton<SessionArrival>();
        services.AddSingleton<SessionAdoption>();
        services.AddSingleton<EdgePeers>();
        services.AddSingleton<IPeerNode>(provider => provider.GetRequiredService<EdgePeers>());

        services.AddSingleton<MessageRouter>();
        services.AddSingleton<ConnectHandler>();
        services.AddSingleton<PublishHandler>();
        services.AddSingleton<SubscribeHandler>();
        services.AddSingleton<UnsubscribeHandler>();
        services.AddSingleton<DisconnectHandler>();
        services.AddSingleton<AuthHandler>();
        services.AddSingleton<PacketDispatcher>();

        services.AddSingleton<ConnectionRegistry>();
        services.AddSingleton<MemoryPressure>();
        services.AddSingleton(provider => new OverloadGuard(
            provider.GetRequiredService<ConnectionRegistry>(),
            provider.GetRequiredService<SessionRegistry>(),
            provider.GetRequiredService<SessionServices>(),
            paused => provider.GetRequiredService<EdgeListeners>().SetPaused(paused),
            provider.GetRequiredService<MemoryPressure>(),
            provider.GetRequiredService<EdgeLog>()));
        services.AddSingleton<ConnectionSweep>();
        services.AddSingleton<ConnectionDrain>();
        services.AddSingleton<EdgeListeners>();
        services.AddSingleton<ServedCertificateProbe>();
        services.AddSingleton<UntrustedConnections>();
        services.AddSingleton<EdgeConfiguration>();
        services.AddSingleton<IConfigurationConsumer>(provider => provider.GetRequiredService<EdgeConfiguration>());
        services.AddSingleton<IEdgeNode, EdgeNode>();
        services.AddSingleton<IEdgeStart, EdgeStart>();
        return services;
    }
}
