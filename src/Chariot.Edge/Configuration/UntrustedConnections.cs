using System.Collections.Concurrent;
using Chariot.Abstractions;
using Chariot.Edge.Authentication;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;

namespace Chariot.Edge.Configuration;

/// <summary>
/// Ends the connections whose client certificate is not accepted any more, over TCP and WebSocket alike, those that have sent no
/// CONNECT yet included.
/// </summary>
internal sealed class UntrustedConnections(ConnectionRegistry connections, ClientCertificates certificates, EdgeLog log, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Closes them (5.0: DISCONNECT 0x87) and returns them; nothing that they send is handled from here on.</summary>
    public IReadOnlyCollection<MqttConnection> Close(long revision)
    {
        var closed = new ConcurrentBag<MqttConnection>();
        // A path that has to be built anew costs about a millisecond, and a removed CA may have issued ten thousand.
        Parallel.ForEach(connections.All.Where(connection => connection.Transport.Secure), connection =>
        {
            if (!certificates.Accepts(connection.Transport.ClientCertificate))
            {
                connection.Close(ReasonCode.NotAuthorized);
                closed.Add(connection);
            }
        });
        log.CertificatesApplied(revision, closed.Count);
        return closed;
    }

    /// <summary>Gives them a second to take their DISCONNECT and cuts off who has not: none is there when this returns.</summary>
    public async Task SeeOffAsync(IReadOnlyCollection<MqttConnection> closed, CancellationToken cancellationToken)
    {
        var since = time.GetTimestamp();
        while (closed.Any(connections.Contains) && time.GetElapsedTime(since) < Patience)
        {
            await Task.Delay(Interval, time, cancellationToken);
        }

        foreach (var connection in closed.Where(connections.Contains))
        {
            connection.Abort();
        }
    }
}
