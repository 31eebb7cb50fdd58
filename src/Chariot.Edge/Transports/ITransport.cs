using Chariot.Edge.Authentication;

namespace Chariot.Edge.Transports;

/// <summary>
/// A byte stream to one client. One receive and one send may be under way at a time. Calls complete synchronously when the
/// socket allows it, so that a read batch costs no task.
/// </summary>
internal interface ITransport
{
    /// <summary>Bytes received; 0 at the end of the stream. Throws <see cref="IOException"/> or SocketException when it broke.</summary>
    ValueTask<int> ReceiveAsync(Memory<byte> buffer);

    /// <summary>Bytes taken, at least 1; fewer than given only when the operating system took fewer.</summary>
    ValueTask<int> SendAsync(ReadOnlyMemory<byte> buffer);

    /// <summary>Nothing more will be sent; what the client still sends can be read, so that it gets to see our last bytes.</summary>
    void EndSending();

    /// <summary>Ends the stream now; pending calls fail. May be called at any time and more than once.</summary>
    void Abort();

    /// <summary>Remote address and port, for logs and the admin API.</summary>
    string RemoteAddress { get; }

    bool Secure { get; }

    /// <summary>The client's certificate as the handshake accepted it; null without one.</summary>
    ClientCertificate? ClientCertificate => null;
}
