using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Chariot.Edge.Authentication;

namespace Chariot.Edge.Transports;

/// <summary>TLS over TCP, after the handshake.</summary>
internal sealed class TlsTransport(Socket socket, ServerTlsStream stream) : ITransport
{
    public string RemoteAddress { get; } = socket.RemoteEndPoint?.ToString() ?? "unknown";

    public bool Secure => true;

    public ClientCertificate? ClientCertificate => stream.ClientCertificate;

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => stream.ReadAsync(buffer);

    public ValueTask<int> SendAsync(ReadOnlyMemory<byte> buffer)
    {
        var write = stream.WriteAsync(buffer);
        if (write.IsCompletedSuccessfully)
        {
            write.GetAwaiter().GetResult();
            return new ValueTask<int>(buffer.Length);
        }

        return Wait(write, buffer.Length);
    }

    public void EndSending() => _ = EndSendingAsync();

    private async Task EndSendingAsync()
    {
        try
        {
            // close_notify first, so that the client can tell the end from a cut (RFC 8446 section 6.1).
            await stream.ShutdownAsync();
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception)
        {
            // The client was faster, or TLS is in a state that has no orderly end; OpenSSL's exception for that is not public.
            socket.Dispose();
        }
    }

    public void Abort()
    {
        // The socket first: disposing the stream alone would wait for a write under way.
        socket.Dispose();
        stream.Dispose();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<int> Wait(ValueTask write, int length)
    {
        await write;
        return length;
    }
}
