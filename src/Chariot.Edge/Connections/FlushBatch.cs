using Chariot.Edge.Links;

namespace Chariot.Edge.Connections;

/// <summary>
/// The connections that one batch of work has written to; each is flushed once at the batch's end. One per thread that does
/// such work, reused, so that a batch allocates nothing.
/// </summary>
internal sealed class FlushBatch
{
    [ThreadStatic]
    private static FlushBatch? t_current;

    private OutboundBuffer[] _touched = new OutboundBuffer[64];
    private Peer[] _peers = new Peer[4];
    private int _count;
    private int _peerCount;

    /// <summary>Counters of this batch; added to the metrics once at its end.</summary>
    public long Received;
    public long Delivered;
    public long Dropped;

    /// <summary>This thread's batch. Valid until the caller returns or awaits.</summary>
    public static FlushBatch Current => t_current ??= new FlushBatch();

    public void Touch(OutboundBuffer buffer)
    {
        if (_count == _touched.Length)
        {
            Array.Resize(ref _touched, _count * 2);
        }

        _touched[_count++] = buffer;
    }

    /// <summary>Something was appended for a peer.</summary>
    public void Touch(Peer peer)
    {
        if (_peers.AsSpan(0, _peerCount).Contains(peer))
        {
            return;
        }

        if (_peerCount == _peers.Length)
        {
            Array.Resize(ref _peers, _peerCount * 2);
        }

        _peers[_peerCount++] = peer;
    }

    public void Flush(Diagnostics.EdgeMetrics metrics)
    {
        for (var i = 0; i < _count; i++)
        {
            _touched[i].Flush();
            _touched[i] = null!;
        }

        _count = 0;
        while (_peerCount > 0)
        {
            _peers[--_peerCount].Pump();
        }

        metrics.Add(this);
        Received = Delivered = Dropped = 0;
    }
}
