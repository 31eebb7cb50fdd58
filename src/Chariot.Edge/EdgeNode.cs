using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Authentication;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Links;
using Chariot.Edge.Listeners;
using Chariot.Edge.Retained;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Microsoft.Extensions.Options;

namespace Chariot.Edge;

/// <summary>What grains and admin hosts may ask of this edge.</summary>
internal sealed partial class EdgeNode(
    IOptions<EdgeOptions> options,
    IConfigurationFeed feed,
    EdgeListeners listeners,
    ConnectionRegistry connections,
    SessionRegistry sessions,
    SessionEnd ends,
    RetainedMessages retainedMessages,
    RouteTable routes,
    SessionServices services,
    SessionHandOver handOver,
    MessageIds ids,
    ServedCertificateProbe probe,
    SeenCertificates seen) : IEdgeNode
{
    public Task GiveUpAsync(string clientId, long newEpoch)
    {
        handOver.GiveUp(clientId, newEpoch);
        return Task.CompletedTask;
    }

    public NodeDescription Describe() => new()
    {
        Node = options.Value.NodeName,
        Revision = feed.Current.Revision,
        ServedFingerprint = feed.Tls?.Fingerprint,
        Listeners = [.. listeners.Endpoints],
        Connections = connections.Count,
        Sessions = sessions.Count,
        MessagesReceived = services.Metrics.MessagesReceived,
        MessagesDelivered = services.Metrics.MessagesDelivered,
        MessagesDropped = services.Metrics.MessagesDropped,
        RetainedMessages = retainedMessages.Count,
        BytesReceived = Rising(ref _bytesReceived, services.Metrics.BytesReceived + connections.All.Sum(connection => connection.BytesReceived)),
        BytesSent = Rising(ref _bytesSent, services.Metrics.BytesSent + connections.All.Sum(connection => connection.Outbound.BytesSent)),
        TlsHandshakesFailed = services.Metrics.HandshakesFailed,
        LimitsReached = services.Metrics.LimitsReached,
        DurableBytes = services.DurableQuota.Bytes,
        Topics = routes.TopicCount,
        ProbedFingerprint = probe.Fingerprint,
        ClientCertificates = seen.FirstToExpire(100),
    };

    public ImmutableArray<ClientDescription> GetClients(string? after, int limit) =>
    [
        .. sessions.All
            .Where(session => after is null || string.CompareOrdinal(session.ClientId, after) > 0)
            .OrderBy(session => session.ClientId, StringComparer.Ordinal)
            .Take(limit)
            .Select(DescribeClient),
    ];

    public ClientDescription? GetClient(string clientId) => sessions.Find(clientId) is { } session ? DescribeClient(session) : null;

    public async Task<bool> DisconnectAsync(string clientId, bool removeSession)
    {
        if (sessions.Find(clientId) is not { } session)
        {
            return false;
        }

        session.Connection?.Close(ReasonCode.AdministrativeAction);
        if (removeSession)
        {
            await ends.ExpireAsync(session);
        }

        return true;
    }

    public ImmutableArray<RetainedDescription> GetRetained(string filter, string? after, int limit) =>
    [
        .. retainedMessages.Match(Encoding.UTF8.GetBytes(filter))
            .Select(message => (Topic: Encoding.UTF8.GetString(message.Topic.Span), Message: message))
            .Where(item => after is null || string.CompareOrdinal(item.Topic, after) > 0)
            .OrderBy(item => item.Topic, StringComparer.Ordinal)
            .Take(limit)
            .Select(item => new RetainedDescription(item.Topic, item.Message.QualityOfService, item.Message.Payload.ToArray(), DateTimeOffset.FromUnixTimeMilliseconds(item.Message.PublishedAt))),
    ];

    public async Task<bool> DeleteRetainedAsync(string topic)
    {
        var bytes = Encoding.UTF8.GetBytes(topic);
        var id = ids.Next(services.UnixMilliseconds);
        if (!retainedMessages.Clear(bytes, id))
        {
            return false;
        }

        services.Store.Submit(new RowWork(services, transaction => retainedMessages.Store(bytes, transaction)));
        await Task.WhenAll(services.Store.FlushAsync(), ClearElsewhereAsync(bytes, id));
        return true;
    }

    /// <summary>Completes when every other silo has cleared the topic.</summary>
    private Task ClearElsewhereAsync(byte[] topic, long id)
    {
        var cleared = new TaskTicket();
        var message = new ApplicationMessage { Id = id, Topic = topic, Payload = default, QualityOfService = QualityOfService.AtLeastOnce, Retain = true };
        var job = new PublishJob(services, message, storesFirst: false, () => cleared);
        var batch = FlushBatch.Current;
        foreach (var peer in services.Peers.All)
        {
            PeerSet.Send(peer, job, LinkMessageFlags.Retain, null, services.UnixMilliseconds, batch);
        }

        cleared.Complete(batch);
        batch.Flush(services.Metrics);
        return cleared.Completion;
    }

    private ClientDescription DescribeClient(ClientSession session)
    {
        lock (session.Gate)
        {
            var connection = session.Connection;
            return new ClientDescription
            {
                ClientId = session.ClientId,
                Username = session.Principal.Username,
                Anonymous = session.Principal.IsAnonymous,
                Node = options.Value.NodeName,
                Address = connection?.Transport.RemoteAddress,
                Protocol = connection is null ? null : connection.Version switch
                {
                    Codec.ProtocolVersion.V310 => "3.1",
                    Codec.ProtocolVersion.V311 => "3.1.1",
                    _ => "5.0",
                },
                Tls = connection?.Transport.Secure ?? false,
                Connected = connection is not null,
                ConnectedAt = connection?.ConnectedAt,
                CleanStart = session.CleanStart,
                DisconnectedAt = session.DisconnectedAt,
                Will = Describe(session.Will),
                ExpirySeconds = session.ExpirySeconds,
                Epoch = session.Epoch,
                Subscriptions = [.. session.Subscriptions.Values.Select(subscription => new ClientSubscription(subscription.Record.Filter, subscription.Record.QualityOfService, subscription.Active ? "active" : "suspended"))],
                Queued = session.WaitingCount,
                Inflight = session.InflightCount,
                Certificate = connection?.Transport.ClientCertificate?.Description,
            };
        }
    }
}
