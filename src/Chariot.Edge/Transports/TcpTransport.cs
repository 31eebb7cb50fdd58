using System.Net.Sockets;

namespace Chariot.Edge.Transports;

/// <summary>Plain TCP.</summary>
internal sealed class TcpTransport(Socket socket) : ITransport
{
    public string RemoteAddress { get; } = socket.RemoteEndPoint?.ToString() ?? "unknown";

    public bool Secure => false;

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => socket.ReceiveAsync(buffer, SocketFlags.None);

    public ValueTask<int> SendAsync(ReadOnlyMemory<byte> buffer) => socket.SendAsync(buffer, SocketFlags.None);

    public void EndSending()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The client was faster: there is nobody to tell.
            socket.Dispose();
        }
    }

    public void Abort() => socket.Dispose();
}
