using System.Globalization;
using System.Text;
using Chariot.Abstractions.Edges;
using Chariot.Admin.Expiry;

namespace Chariot.Admin.Health;

/// <summary>Metrics in Prometheus' text format. Labels never hold client ids or topics.</summary>
internal static class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <param name="node">Null in a process without an edge.</param>
    /// <param name="certificates">What the certificates in force are; empty while SSL is not set up.</param>
    public static string Write(NodeDescription? node, IReadOnlyList<ExpiringCertificate> certificates)
    {
        var text = new StringBuilder();
        Add("chariot_up", "gauge", "1 while the process answers.", 1);
        Add("chariot_gc_allocated_bytes_total", "counter", "Bytes allocated on the managed heap since start; the message path adds next to nothing.", GC.GetTotalAllocatedBytes());
        Add("chariot_gc_collections_total", "counter", "Garbage collections since start.", GC.CollectionCount(0));
        Add("chariot_gc_heap_bytes", "gauge", "Managed heap after the last collection.", GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes);
        if (node is not null)
        {
            Add("chariot_configuration_revision", "gauge", "Configuration revision that the node acts on.", node.Revision);
            Add("chariot_ssl_setup", "gauge", "1 while a certificate is served.", node.ServedFingerprint is null ? 0 : 1);
            Add("chariot_connections", "gauge", "Clients connected.", node.Connections);
            Add("chariot_sessions", "gauge", "Sessions held.", node.Sessions);
            Add("chariot_retained_messages", "gauge", "Retained messages.", node.RetainedMessages);
            Add("chariot_messages_received_total", "counter", "PUBLISH packets received.", node.MessagesReceived);
            Add("chariot_messages_delivered_total", "counter", "PUBLISH packets sent to subscribers.", node.MessagesDelivered);
            Add("chariot_messages_dropped_total", "counter", "Messages dropped.", node.MessagesDropped);
            Add("chariot_tls_handshakes_failed_total", "counter", "TLS handshakes of MQTT clients that failed.", node.TlsHandshakesFailed);
            Add("chariot_received_bytes_total", "counter", "Bytes received from clients.", node.BytesReceived);
            Add("chariot_sent_bytes_total", "counter", "Bytes sent to clients.", node.BytesSent);
            Add("chariot_durable_queue_bytes", "gauge", "Bytes waiting for durable sessions.", node.DurableBytes);
            Add("chariot_topics", "gauge", "Topic names remembered.", node.Topics);
            text.Append("# HELP chariot_limit_reached_total How often a limit was reached.\n# TYPE chariot_limit_reached_total counter\n");
            foreach (var limit in node.LimitsReached)
            {
                text.Append(CultureInfo.InvariantCulture, $"chariot_limit_reached_total{{limit=\"{limit.Limit}\"}} {limit.Count}\n");
            }
        }

        if (certificates.Count > 0)
        {
            text.Append("# HELP chariot_certificate_expiry_seconds Seconds until the first certificate of its kind expires; negative when it has.\n# TYPE chariot_certificate_expiry_seconds gauge\n");
            foreach (var kind in certificates.GroupBy(certificate => certificate.Kind))
            {
                text.Append(CultureInfo.InvariantCulture, $"chariot_certificate_expiry_seconds{{kind=\"{kind.Key}\"}} {(long)kind.Min(certificate => certificate.Left).TotalSeconds}\n");
            }
        }

        return text.ToString();

        void Add(string name, string type, string help, long value) =>
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n{name} {value}\n");
    }
}
