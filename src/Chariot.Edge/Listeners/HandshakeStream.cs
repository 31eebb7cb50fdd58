using System.Net.Sockets;
using System.Threading.RateLimiting;
using Chariot.Abstractions.Configuration;

namespace Chariot.Edge.Listeners;

/// <summary>
/// The socket under a TLS stream. While the handshake lasts, what follows a read runs on the thread pool: a private key
/// operation takes a millisecond, which the thread that waits for all sockets must not spend. That work, and not the waiting for
/// the client, takes a place of the <see cref="HandshakeGate"/>: clients that say nothing keep nobody out.
/// </summary>
internal sealed class HandshakeStream(Socket socket, HandshakeGate gate) : NetworkStream(socket, ownsSocket: true)
{
    private volatile bool _over;
    private RateLimitLease? _place;

    /// <summary>Without it no handshake goes on; null for a stream that needs none.</summary>
    public ConfigurationLease? Lease { get; init; }

    public void HandshakeIsOver()
    {
        _over = true;
        Leave();
    }

    /// <exception cref="IOException">Too many handshakes have work to do already, or the lease on the configuration has run out.</exception>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _over ? base.ReadAsync(buffer, cancellationToken) : ReadAndEnterAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        Leave();
        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadAndEnterAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        Leave();
        var read = await base.ReadAsync(buffer, cancellationToken);
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (read > 0)
        {
            if (Lease is { IsHeld: false })
            {
                throw new IOException("this node is out of touch with the cluster");
            }

            var place = await gate.EnterAsync(cancellationToken);
            if (!place.IsAcquired)
            {
                throw new IOException("too many handshakes are under way");
            }

            _place = place;
        }

        return read;
    }

    private void Leave() => Interlocked.Exchange(ref _place, null)?.Dispose();
}
