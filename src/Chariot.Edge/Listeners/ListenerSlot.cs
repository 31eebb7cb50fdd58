using System.Net;
using System.Net.Sockets;
using Chariot.Edge.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Chariot.Edge.Listeners;

/// <summary>One port of the edge as it opens and closes over time. Does nothing when its port is 0.</summary>
/// <param name="address">Address to bind.</param>
/// <param name="port">Port; 0 for off.</param>
/// <param name="scheme">Of the endpoint, e.g. <c>mqtts</c>.</param>
/// <param name="path">Of the endpoint; empty for none.</param>
/// <param name="kind">For people, e.g. <c>MQTT over TLS</c>.</param>
/// <param name="setting">Key that changes the port.</param>
/// <param name="accept">Takes each connection.</param>
/// <param name="pace">How long each accepted connection has to wait.</param>
internal sealed class ListenerSlot(string address, int port, string scheme, string path, string kind, string setting, Action<Socket> accept, Func<TimeSpan> pace, EdgeLog log, ILogger<MqttListener> listenerLog)
{
    private MqttListener? _bound;
    private volatile MqttListener? _open;

    public bool IsOpen => _open is not null;

    /// <summary>Null while closed.</summary>
    public IPEndPoint? OpenEndPoint => _open?.EndPoint;

    public string? Endpoint => _open is { } open ? $"{scheme}://{open.EndPoint}{path}" : null;

    /// <summary>Binds without listening, unless that is done or the port is open.</summary>
    /// <exception cref="EdgePortException">The port cannot be had; the message names it, the cause and the setting.</exception>
    public void Bind()
    {
        if (port == 0 || _open is not null || _bound is not null)
        {
            return;
        }

        try
        {
            _bound = MqttListener.Bind(new IPEndPoint(IPAddress.Parse(address), port), listenerLog);
        }
        catch (SocketException error)
        {
            throw Failure(error);
        }
    }

    /// <summary>Gives the port up that was bound and not opened.</summary>
    public void Unbind() => Interlocked.Exchange(ref _bound, null)?.Stop();

    /// <summary>Listens, unless it does already.</summary>
    /// <exception cref="EdgePortException">The port cannot be had.</exception>
    public void Open()
    {
        Bind();
        if (Interlocked.Exchange(ref _bound, null) is not { } listener)
        {
            return;
        }

        try
        {
            // Another process may hold the same port bound until one of the two listens.
            listener.Pace = pace;
            listener.Start(accept);
        }
        catch (SocketException error)
        {
            listener.Stop();
            throw Failure(error);
        }

        _open = listener;
        log.Listening(listener.EndPoint.ToString(), kind);
    }

    /// <summary>Takes no new connections; those that are there go on.</summary>
    public void Close()
    {
        Unbind();
        if (_open is { } open)
        {
            _open = null;
            open.Stop();
            log.ListenerClosed(open.EndPoint.ToString(), kind);
        }
    }

    /// <summary>Whether clients that connect are left to wait.</summary>
    public void SetPaused(bool paused)
    {
        if (paused)
        {
            _open?.Pause();
        }
        else
        {
            _open?.Resume();
        }
    }

    private EdgePortException Failure(SocketException error) =>
        new($"{kind} port {address}:{port} cannot be opened: {error.Message}. Stop the process that uses it, or set {setting}.", error);
}
