using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Chariot.Edge.Connections;
using Chariot.Edge.Limiting;

namespace Chariot.Edge.Diagnostics;

/// <summary>Counters of this edge. Updated once per batch, not per message.</summary>
internal sealed class EdgeMetrics
{
    private long _messagesReceived;
    private long _messagesDelivered;
    private long _messagesDropped;
    private long _bytesReceived;
    private long _bytesSent;
    private long _handshakesFailed;
    private readonly long[] _limitsReached = new long[Enum.GetValues<LimitKind>().Length];

    public long MessagesReceived => Volatile.Read(ref _messagesReceived);

    /// <summary>PUBLISH packets appended for a connected subscriber.</summary>
    public long MessagesDelivered => Volatile.Read(ref _messagesDelivered);

    /// <summary>Messages given up: full buffers, denied publishes, expired.</summary>
    public long MessagesDropped => Volatile.Read(ref _messagesDropped);

    public long BytesReceived => Volatile.Read(ref _bytesReceived);

    public long BytesSent => Volatile.Read(ref _bytesSent);

    /// <summary>TLS handshakes that failed for whatever reason: no common version, no time, no client.</summary>
    public long HandshakesFailed => Volatile.Read(ref _handshakesFailed);

    public void CountFailedHandshake() => Interlocked.Increment(ref _handshakesFailed);

    /// <summary>How often each limit was reached, by its name in metrics.</summary>
    public ImmutableArray<LimitCount> LimitsReached =>
        [.. Enum.GetValues<LimitKind>().Select(kind => new LimitCount(LimitCounters.NameOf(kind), CountOf(kind)))];

    public long CountOf(LimitKind kind) => Volatile.Read(ref _limitsReached[(int)kind]);

    public void CountReached(LimitKind kind) => Interlocked.Increment(ref _limitsReached[(int)kind]);

    public void Add(FlushBatch batch)
    {
        if (batch.Received != 0)
        {
            Interlocked.Add(ref _messagesReceived, batch.Received);
        }

        if (batch.Delivered != 0)
        {
            Interlocked.Add(ref _messagesDelivered, batch.Delivered);
        }

        if (batch.Dropped != 0)
        {
            Interlocked.Add(ref _messagesDropped, batch.Dropped);
        }
    }

    public void AddConnectionBytes(long received, long sent)
    {
        Interlocked.Add(ref _bytesReceived, received);
        Interlocked.Add(ref _bytesSent, sent);
    }
}
