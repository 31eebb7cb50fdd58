using System.Net.Sockets;

namespace Chariot.Edge.Listeners;

/// <summary>
/// The socket under a TLS stream. While the handshake lasts, what follows a read runs on the thread pool: a private key
/// operation takes a millisecond, which the thread that waits for all sockets must not spend.
/// </summary>
internal sealed class HandshakeStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
{
    private volatile bool _over;

    public void HandshakeIsOver() => _over = true;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _over ? base.ReadAsync(buffer, cancellationToken) : ReadAndHopAsync(buffer, cancellationToken);

    private async ValueTask<int> ReadAndHopAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var read = await base.ReadAsync(buffer, cancellationToken);
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        return read;
    }
}
