using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Authentication;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Limiting;
using Chariot.Edge.Packets;
using Chariot.Edge.Sessions;
using Chariot.Edge.Transports;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Edge.Listeners;

/// <summary>
/// The MQTT ports of this edge: TCP and WebSocket, plain and over TLS. The plain ones open at start; the secure ones open when
/// SSL is set up and close when it is deleted, without the plain clients noticing.
/// </summary>
internal sealed class EdgeListeners : IDisposable
{
    private readonly PacketDispatcher _dispatcher;
    private readonly ConnectionRegistry _connections;
    private readonly SessionServices _services;
    private readonly ClientCertificates _certificates;
    private readonly ServedCertificateProbe _probe;
    private readonly EdgeLog _log;
    private readonly HandshakeGate _handshakes = new();
    private readonly WebSocketServer _webSockets;
    private readonly ListenerSlot[] _plain;
    private readonly ListenerSlot[] _secure;
    private volatile SecureOptions? _tls;
    private volatile bool _servesPlain;
    private int _handshakeTimeoutSeconds = 10;

    public EdgeListeners(
        IOptions<EdgeOptions> options,
        PacketDispatcher dispatcher,
        ConnectionRegistry connections,
        SessionServices services,
        ClientCertificates certificates,
        ServedCertificateProbe probe,
        EdgeLog log,
        ILogger<MqttListener> listenerLog,
        ILoggerFactory loggers)
    {
        (_dispatcher, _connections, _services, _certificates, _probe, _log) = (dispatcher, connections, services, certificates, probe, log);
        var ports = options.Value;
        var pace = new ConnectPace(services);
        _webSockets = new WebSocketServer(ports.AllowedOrigins, ServeAsync, loggers);
        _plain =
        [
            Slot(ports.Port, "mqtt", "", "MQTT", nameof(EdgeOptions.Port), AcceptPlain),
            Slot(ports.WebSocketPort, "ws", WebSocketServer.Path, "MQTT over WebSocket", nameof(EdgeOptions.WebSocketPort), AcceptPlainWebSocket),
        ];
        _secure =
        [
            Slot(ports.SecurePort, "mqtts", "", "MQTT over TLS", nameof(EdgeOptions.SecurePort), AcceptSecure),
            Slot(ports.WebSocketSecurePort, "wss", WebSocketServer.Path, "MQTT over secure WebSocket", nameof(EdgeOptions.WebSocketSecurePort), AcceptSecureWebSocket),
        ];

        ListenerSlot Slot(int port, string scheme, string path, string kind, string setting, Action<Socket> accept) =>
            new(ports.BindAddress, port, scheme, path, kind, $"{EdgeOptions.Section}:{setting}", accept, pace.Take, log, listenerLog);
    }

    /// <summary>For the admin API.</summary>
    public IReadOnlyList<string> Endpoints => [.. _plain.Concat(_secure).Select(slot => slot.Endpoint).OfType<string>()];

    /// <summary>The port of MQTT over TLS; null while it is closed.</summary>
    public IPEndPoint? SecureEndPoint => _secure[0].OpenEndPoint;

    /// <summary>Binds the plain ports, so that a port in use is found before anything else starts.</summary>
    /// <exception cref="EdgePortException">One cannot be had.</exception>
    public void BindPlain()
    {
        foreach (var slot in _plain)
        {
            slot.Bind();
        }
    }

    /// <exception cref="EdgePortException">A port cannot be had.</exception>
    public void ApplyPlain(bool enabled)
    {
        _servesPlain = enabled;
        if (enabled)
        {
            Open(_plain);
        }
        else
        {
            Close(_plain);
        }
    }

    /// <summary>Binds the secure ports without listening; null when ready, else a sentence that names port and cause.</summary>
    public string? PrepareSecure()
    {
        try
        {
            foreach (var slot in _secure)
            {
                slot.Bind();
            }

            return null;
        }
        catch (EdgePortException error)
        {
            AbandonSecure();
            return error.Message;
        }
    }

    public void AbandonSecure()
    {
        foreach (var slot in _secure)
        {
            slot.Unbind();
        }
    }

    /// <summary>Serves <paramref name="tls"/> from the next handshake on, opening the ports that are closed; null closes them.</summary>
    /// <exception cref="EdgePortException">A port cannot be had; the others are open.</exception>
    public void ApplySecure(TlsMaterial? tls, TlsSettings settings)
    {
        _handshakeTimeoutSeconds = settings.HandshakeTimeoutSeconds;
        if (tls is null)
        {
            _tls = null;
            Close(_secure);
            return;
        }

        _tls = new SecureOptions(_certificates.Request(ServerTlsOptions.ForMqtt(tls, settings)), _certificates.Request(ServerTlsOptions.ForWebSocket(tls, settings)));
        Open(_secure);
    }

    /// <summary>Has clients that connect wait in the backlogs, or lets them in again. Ports that open later are not paused.</summary>
    public void SetPaused(bool paused)
    {
        foreach (var slot in _plain.Concat(_secure))
        {
            slot.SetPaused(paused);
        }
    }

    /// <summary>No new connections from here on.</summary>
    public void Close()
    {
        Close(_plain);
        Close(_secure);
    }

    public void Dispose()
    {
        Close();
        _webSockets.Dispose();
        _handshakes.Dispose();
    }

    private void Open(ListenerSlot[] slots)
    {
        _webSockets.Start();
        EdgePortException? failure = null;
        foreach (var slot in slots)
        {
            try
            {
                slot.Open();
            }
            catch (EdgePortException error)
            {
                _log.ListenerFailed(error.Message);
                failure ??= error;
            }
        }

        if (failure is not null)
        {
            throw failure;
        }
    }

    private static void Close(ListenerSlot[] slots)
    {
        foreach (var slot in slots)
        {
            slot.Close();
        }
    }

    private void AcceptPlain(Socket socket) => _ = ServeAsync(new TcpTransport(socket));

    private void AcceptSecure(Socket socket) => _ = Task.Run(async () =>
    {
        if (await ShakeHandsAsync(socket, tls => tls.Mqtt) is { } stream)
        {
            await ServeAsync(new TlsTransport(socket, stream));
        }
    });

    private void AcceptPlainWebSocket(Socket socket) => _webSockets.Accept(new StreamConnection(socket, new NetworkStream(socket, ownsSocket: true), AddressOf(socket)));

    private void AcceptSecureWebSocket(Socket socket) => _ = Task.Run(async () =>
    {
        var address = AddressOf(socket);
        if (await ShakeHandsAsync(socket, tls => tls.WebSocket) is { } stream)
        {
            _webSockets.Accept(new StreamConnection(socket, stream, address));
        }
    });

    /// <summary>Null when it failed; the connection is then closed.</summary>
    private async Task<ServerTlsStream?> ShakeHandsAsync(Socket socket, Func<SecureOptions, SslServerAuthenticationOptions> select)
    {
        var address = AddressOf(socket);
        var network = new HandshakeStream(socket, _handshakes) { Lease = _dispatcher.Lease };
        var stream = new ServerTlsStream(network);
        try
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(_handshakeTimeoutSeconds));
            // A silo that has been stopped and continued may know a certificate that has been replaced.
            await _dispatcher.Lease.WaitAsync().AsTask().WaitAsync(timeout.Token);
            if (_tls is not { } tls)
            {
                socket.Dispose();
                return null;
            }

            await stream.AuthenticateAsServerAsync(select(tls), timeout.Token);
        }
        catch (Exception error) when (error is AuthenticationException or IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            if (_probe.IsOwn(socket))
            {
                _log.OwnHandshakeEnded(address);
            }
            else
            {
                _services.Metrics.CountFailedHandshake();
                _log.HandshakeFailed(address, stream.Refusal ?? (error is OperationCanceledException ? "it took too long" : error.Message));
            }

            await stream.DisposeAsync();
            socket.Dispose();
            return null;
        }

        network.HandshakeIsOver();
        return stream;
    }

    private Task ServeAsync(ITransport transport)
    {
        var limits = _services.Limits;
        var connection = new MqttConnection(transport, _dispatcher, _services.Metrics, _log, limits.MaximumQueuedBytes, limits.MaximumQueuedMessages);
        _connections.Add(connection);
        if (transport.Secure ? _tls is null || !_certificates.Accepts(transport.ClientCertificate) : !_servesPlain)
        {
            // Its kind was switched off, or its certificate revoked, while this client was shaking hands.
            connection.Abort();
        }

        return connection.RunAsync();
    }

    private static string AddressOf(Socket socket) => socket.RemoteEndPoint?.ToString() ?? "unknown";

    private sealed record SecureOptions(SslServerAuthenticationOptions Mqtt, SslServerAuthenticationOptions WebSocket);
}
