using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Sessions;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Limiting;

namespace Chariot.Edge.Packets;

/// <summary>What a CONNECT may be refused for although its client may connect.</summary>
internal sealed partial class ConnectHandler
{
    /// <summary>Counts the connection for its credential, until it closes.</summary>
    private ReasonCode CheckConnections(MqttConnection connection, string clientId, Principal principal)
    {
        if (principal.Username is not { } username)
        {
            return ReasonCode.Success;
        }

        // A client that comes back before its old connection was noticed to be dead takes that one's place.
        var replaces = sessions.Find(clientId)?.Connection is { } old && old.CountedFor == username;
        if (!services.CredentialConnections.TryEnter(username, services.Limits.MaximumConnectionsPerCredential, replaces))
        {
            services.Metrics.CountReached(LimitKind.ConnectionsPerCredential);
            // 3.1.1 has no word for a quota; its 0x03 would have the client try again and again.
            return connection.Version == ProtocolVersion.V500 ? ReasonCode.QuotaExceeded : ReasonCode.NotAuthorized;
        }

        connection.CountedFor = username;
        return ReasonCode.Success;
    }

    /// <summary>While the durable queues are nearly full no session is added to them; one that is there may come and empty its own.</summary>
    private async ValueTask<ReasonCode> CheckDurableAsync(string clientId, uint expiry, CancellationToken cancellationToken)
    {
        if (expiry == 0 || !services.DurableQuota.Refuses)
        {
            return ReasonCode.Success;
        }

        if (await grains.GetGrain<ISessionGrain>(clientId).DescribeAsync().AsTask().WaitAsync(cancellationToken) is { ExpirySeconds: > 0 })
        {
            return ReasonCode.Success;
        }

        services.Metrics.CountReached(LimitKind.DurableBytes);
        return ReasonCode.QuotaExceeded;
    }
}
