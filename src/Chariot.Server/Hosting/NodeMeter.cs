using System.Diagnostics.Metrics;
using Chariot.Abstractions.Edges;

namespace Chariot.Server.Hosting;

/// <summary>The figures of <c>/metrics</c> as instruments, but for the certificates' time left, read when they are collected. A process without an edge has none.</summary>
internal sealed class NodeMeter : IDisposable
{
    public const string Name = "Chariot";

    private readonly Meter _meter = new(Name);

    public NodeMeter(IServiceProvider services)
    {
        if (services.GetService<IEdgeNode>() is not { } node)
        {
            return;
        }

        Gauge("chariot.configuration.revision", "{revision}", "Configuration revision that the node acts on.", now => now.Revision);
        Gauge("chariot.ssl.setup", "{setup}", "1 while a certificate is served.", now => now.ServedFingerprint is null ? 0 : 1);
        Gauge("chariot.connections", "{connection}", "Clients connected.", now => now.Connections);
        Gauge("chariot.sessions", "{session}", "Sessions held.", now => now.Sessions);
        Gauge("chariot.retained.messages", "{message}", "Retained messages.", now => now.RetainedMessages);
        Counter("chariot.messages.received", "{message}", "PUBLISH packets received.", now => now.MessagesReceived);
        Counter("chariot.messages.delivered", "{message}", "PUBLISH packets sent to subscribers.", now => now.MessagesDelivered);
        Counter("chariot.messages.dropped", "{message}", "Messages dropped.", now => now.MessagesDropped);
        Counter("chariot.tls.handshakes.failed", "{handshake}", "TLS handshakes of MQTT clients that failed.", now => now.TlsHandshakesFailed);
        Counter("chariot.received", "By", "Bytes received from clients.", now => now.BytesReceived);
        Counter("chariot.sent", "By", "Bytes sent to clients.", now => now.BytesSent);

        void Gauge(string name, string unit, string description, Func<NodeDescription, long> read) =>
            _meter.CreateObservableGauge(name, () => read(node.Describe()), unit, description);

        void Counter(string name, string unit, string description, Func<NodeDescription, long> read) =>
            _meter.CreateObservableCounter(name, () => read(node.Describe()), unit, description);
    }

    public void Dispose() => _meter.Dispose();
}
