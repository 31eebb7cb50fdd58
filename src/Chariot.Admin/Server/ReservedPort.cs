using System.Net;
using System.Net.Sockets;

namespace Chariot.Admin.Server;

/// <summary>A port that is bound and does not listen: nobody else can take it, and connecting to it is refused.</summary>
internal sealed class ReservedPort : IDisposable
{
    private Socket? _socket;

    private ReservedPort(Socket socket)
    {
        _socket = socket;
        EndPoint = (IPEndPoint)socket.LocalEndPoint!;
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>Throws <see cref="SocketException"/> when the port cannot be had.</summary>
    public static ReservedPort Bind(IPEndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (endPoint.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            return new ReservedPort(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Hands the socket over; from then on it is the taker's to close.</summary>
    public Socket Take() => Interlocked.Exchange(ref _socket, null) ?? throw new InvalidOperationException("The port was taken already.");

    public void Dispose() => Interlocked.Exchange(ref _socket, null)?.Dispose();

    /// <summary>One phrase for people, e.g. <c>address already in use</c>.</summary>
    public static string CauseOf(SocketException e) => e.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "address already in use",
        SocketError.AccessDenied => "permission denied",
        SocketError.AddressNotAvailable => "no such local address",
        _ => "the operating system refused it (" + e.SocketErrorCode + ")",
    };
}
