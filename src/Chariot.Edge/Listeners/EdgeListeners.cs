using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Connections;
using Chariot.Edge.Diagnostics;
using Chariot.Edge.Packets;
using Chariot.Edge.Sessions;
using Chariot.Edge.Transports;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Edge.Listeners;

/// <summary>
/// The MQTT ports of this edge. The plain one opens at start; the secure one opens when SSL is set up and closes when it is
/// deleted, without the plain clients noticing.
/// </summary>
internal sealed class EdgeListeners(
    IOptions<EdgeOptions> options,
    PacketDispatcher dispatcher,
    ConnectionRegistry connections,
    SessionServices services,
    EdgeLog log,
    ILogger<MqttListener> listenerLog) : IDisposable
{
    private readonly EdgeOptions _options = options.Value;
    private readonly HandshakeGate _handshakes = new();
    private MqttListener? _plain;
    private MqttListener? _secure;
    private MqttListener? _prepared;
    private volatile SslServerAuthenticationOptions? _tls;
    private int _handshakeTimeoutSeconds = 10;

    /// <summary>For the admin API.</summary>
    public IReadOnlyList<string> Endpoints
    {
        get
        {
            var endpoints = new List<string>();
            if (_plain is { } plain)
            {
                endpoints.Add($"mqtt://{plain.EndPoint}");
            }

            if (_secure is { } secure)
            {
                endpoints.Add($"mqtts://{secure.EndPoint}");
            }

            return endpoints;
        }
    }

    /// <summary>Binds the plain port, so that a port in use is found before anything else starts. Throws SocketException.</summary>
    public void BindPlain()
    {
        if (_options.Port != 0)
        {
            _plain = MqttListener.Bind(new IPEndPoint(IPAddress.Parse(_options.BindAddress), _options.Port), listenerLog);
        }
    }

    /// <summary>The port for TLS; null while it is closed.</summary>
    public IPEndPoint? SecureEndPoint => _secure?.EndPoint;

    /// <summary>The plain endpoint as configured, for messages.</summary>
    public string PlainEndpoint => $"{_options.BindAddress}:{_options.Port}";

    /// <summary>Accepts plain clients, if the settings want it.</summary>
    public void OpenPlain()
    {
        if (_plain is { } plain)
        {
            plain.Start(AcceptPlain);
            log.Listening(plain.EndPoint.ToString(), "MQTT");
        }
    }

    public void ApplyPlain(bool enabled)
    {
        if (enabled && _plain is null && _options.Port != 0)
        {
            BindPlain();
            OpenPlain();
        }
        else if (!enabled && _plain is { } plain)
        {
            _plain = null;
            plain.Stop();
            log.ListenerClosed(plain.EndPoint.ToString(), "MQTT");
        }
    }

    /// <summary>Binds the secure port without listening; null when ready, else a sentence that names port and cause.</summary>
    public string? PrepareSecure()
    {
        if (_options.SecurePort == 0 || _secure is not null || _prepared is not null)
        {
            return null;
        }

        try
        {
            _prepared = MqttListener.Bind(new IPEndPoint(IPAddress.Parse(_options.BindAddress), _options.SecurePort), listenerLog);
            return null;
        }
        catch (SocketException error)
        {
            return $"MQTT over TLS port {_options.SecurePort}: {error.Message}";
        }
    }

    public void AbandonSecure() => Interlocked.Exchange(ref _prepared, null)?.Stop();

    /// <summary>Serves <paramref name="tls"/> from the next handshake on, opening the port when it is closed; null closes it.</summary>
    public void ApplySecure(TlsMaterial? tls, TlsSettings settings)
    {
        _handshakeTimeoutSeconds = settings.HandshakeTimeoutSeconds;
        if (tls is null)
        {
            _tls = null;
            AbandonSecure();
            if (Interlocked.Exchange(ref _secure, null) is { } secure)
            {
                secure.Stop();
                log.ListenerClosed(secure.EndPoint.ToString(), "MQTT over TLS");
            }

            return;
        }

        _tls = ServerTlsOptions.ForMqtt(tls, settings);
        if (_secure is not null || _options.SecurePort == 0)
        {
            return;
        }

        if (PrepareSecure() is { } error)
        {
            log.SecureListenerFailed(_options.SecurePort, error);
            throw new EdgePortException(error);
        }

        var listener = Interlocked.Exchange(ref _prepared, null)!;
        try
        {
            // Another process may hold the same port bound until one of the two listens.
            listener.Start(AcceptSecure);
        }
        catch (SocketException failure)
        {
            listener.Stop();
            log.SecureListenerFailed(_options.SecurePort, failure.Message);
            throw new EdgePortException($"MQTT over TLS port {_options.SecurePort}: {failure.Message}", failure);
        }

        _secure = listener;
        log.Listening(listener.EndPoint.ToString(), "MQTT over TLS");
    }

    /// <summary>No new connections from here on.</summary>
    public void Close()
    {
        Interlocked.Exchange(ref _plain, null)?.Stop();
        Interlocked.Exchange(ref _secure, null)?.Stop();
        AbandonSecure();
    }

    public void Dispose()
    {
        Close();
        _handshakes.Dispose();
    }

    private void AcceptPlain(Socket socket) => _ = ServeAsync(new TcpTransport(socket));

    private void AcceptSecure(Socket socket) => _ = Task.Run(() => ServeSecureAsync(socket));

    private async Task ServeSecureAsync(Socket socket)
    {
        var address = socket.RemoteEndPoint?.ToString() ?? "unknown";
        var network = new HandshakeStream(socket);
        var stream = new SslStream(network, leaveInnerStreamOpen: false);
        try
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(_handshakeTimeoutSeconds));
            using var place = await _handshakes.EnterAsync(timeout.Token);
            if (!place.IsAcquired || _tls is not { } tls)
            {
                socket.Dispose();
                return;
            }

            await stream.AuthenticateAsServerAsync(tls, timeout.Token);
        }
        catch (Exception error) when (error is AuthenticationException or IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            log.HandshakeFailed(address, error is OperationCanceledException ? "it took too long" : error.Message);
            await stream.DisposeAsync();
            socket.Dispose();
            return;
        }

        network.HandshakeIsOver();
        await ServeAsync(new TlsTransport(socket, stream));
    }

    private Task ServeAsync(ITransport transport)
    {
        var limits = services.Limits;
        var connection = new MqttConnection(transport, dispatcher, services.Metrics, log, limits.MaximumQueuedBytes, limits.MaximumQueuedMessages);
        connections.Add(connection);
        if (transport.Secure && _tls is null)
        {
            // SSL was deleted while this client was shaking hands.
            connection.Abort();
        }

        return connection.RunAsync();
    }
}
