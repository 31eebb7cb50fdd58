using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using Chariot.Edge.Authentication;
using Microsoft.AspNetCore.Connections;

namespace Chariot.Edge.Transports;

/// <summary>An accepted connection, plain or after its TLS handshake, in the form that Kestrel takes. Owns socket and stream.</summary>
internal sealed class StreamConnection : DefaultConnectionContext
{
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(2);

    private readonly Socket _socket;
    private readonly Stream _stream;

    // Not disposed: it has no timer, and may be cancelled after the end of the connection.
    private readonly CancellationTokenSource _closed = new();

    public StreamConnection(Socket socket, Stream stream, string remoteAddress)
        : base(Guid.NewGuid().ToString("N"))
    {
        _socket = socket;
        _stream = stream;
        RemoteAddress = remoteAddress;
        RemoteEndPoint = socket.RemoteEndPoint;
        LocalEndPoint = socket.LocalEndPoint;
        Transport = new StreamPipe(
            // Without bytes to read there is no buffer either: most connections are idle most of the time.
            PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, useZeroByteReads: true)),
            PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true)));
        ConnectionClosed = _closed.Token;
        Features.Set(this);
    }

    public string RemoteAddress { get; }

    public bool Secure => _stream is SslStream;

    /// <summary>See <see cref="ITransport.ClientCertificate"/>.</summary>
    public ClientCertificate? ClientCertificate => (_stream as ServerTlsStream)?.ClientCertificate;

    /// <summary>May be called at any time and more than once.</summary>
    public override void Abort(ConnectionAbortedException abortReason)
    {
        // Not the base's: it cancels later, on another thread, what disposal may have ended by then, and that ends the process.
        _socket.Dispose();
        _ = _closed.CancelAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        try
        {
            if (_stream is SslStream tls)
            {
                // A client that does not read must not keep us.
                await tls.ShutdownAsync().WaitAsync(CloseTime);
            }

            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception)
        {
            // The client was faster, or TLS is in a state that has no orderly end, such as a renegotiation that was refused; OpenSSL's
            // exception for that is not public. There is nobody to tell.
            _socket.Dispose();
        }

        _socket.Dispose();
        await _stream.DisposeAsync();
        await base.DisposeAsync();
    }

    private sealed class StreamPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
