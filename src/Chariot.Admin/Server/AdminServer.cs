using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Chariot.Abstractions.Configuration;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Server;

/// <summary>What becomes of plain HTTP.</summary>
internal enum PlainHttp
{
    Open,
    Redirect,
    Off,
}

/// <summary>
/// The web server of the admin host: plain HTTP from the start, HTTPS while a certificate is set up. HTTPS opens, changes its
/// certificate and closes while the process runs, without touching HTTP connections.
/// </summary>
internal sealed partial class AdminServer : IServer, IConfigurationConsumer
{
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(5);

    // The answer that tells of the closing waits for every node, at most 10 s each for prepare and apply.
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(30);

    private readonly AdminOptions _options;
    private readonly AnswersInFlight _answers;
    private readonly TimeProvider _time;
    private readonly IServiceProvider _services;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<AdminServer> _logger;
    private readonly ServerAddressesFeature _addresses = new();
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly List<Task> _closing = [];

    // Fires when the host has no more time for connections that are left.
    private readonly CancellationTokenSource _cut = new();

    // Opens a listener with the application that the host gave at start; null before.
    private Func<ReservedPort, HttpsOptions?, CancellationToken, Task<AdminListener>>? _open;

    private AdminListener? _http;
    private AdminListener? _https;

    // Kept while HTTP is off, so that it can always come back.
    private ReservedPort? _reservedHttp;

    private ReservedPort? _preparedHttps;
    private ConfigurationChange? _current;
    private volatile SslServerAuthenticationOptions? _tls;

    // What the options were made of: made anew, they would start with an empty session cache.
    private (TlsMaterial? Material, string? MinVersion) _tlsSource;
    private volatile bool _stopped;

    public AdminServer(IOptions<AdminOptions> options, AnswersInFlight answers, TimeProvider time, IServiceProvider services, ILoggerFactory loggers, ILogger<AdminServer> logger)
    {
        (_options, _answers, _time, _services, _loggers, _logger) = (options.Value, answers, time, services, loggers, logger);
        Features.Set<IServerAddressesFeature>(_addresses);
    }

    public IFeatureCollection Features { get; } = new FeatureCollection();

    /// <summary>Where HTTP listens; null while it is off.</summary>
    public IPEndPoint? HttpEndPoint => _http?.EndPoint;

    /// <summary>Where HTTPS listens; null while it is closed.</summary>
    public IPEndPoint? HttpsEndPoint => _https?.EndPoint;

    /// <summary>What becomes of requests over plain HTTP now.</summary>
    public PlainHttp PlainHttp => HttpsEndPoint is null ? PlainHttp.Open : ModeOf(_current);

    public async Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            _open = (port, tls, token) => AdminListener.OpenAsync(port, application, tls, _services, _loggers, token);
            _addresses.Addresses.Clear();
            _reservedHttp = BindHttp();
            // A change that came before the start is acted on now. HTTPS that cannot open must not keep HTTP, the way to repair it, closed.
            if (_current is { Tls: not null } change && await OpenHttpsAsync(change.Tls, cancellationToken) is { } cause)
            {
                LogHttpsNotOpened(cause);
            }

            await FollowPlainHttpAsync(cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Task[] closing;
        await _gate.WaitAsync(CancellationToken.None);
        try
        {
            _stopped = true;
            DropPrepared();
            _reservedHttp?.Dispose();
            foreach (var listener in new[] { _http, _https }.OfType<AdminListener>())
            {
                _closing.Add(CloseQuietlyAsync(listener.Close(cancellationToken).Closed, listener));
            }

            _http = _https = null;
            closing = [.. _closing];
        }
        finally
        {
            _gate.Release();
        }

        await using var registration = cancellationToken.Register(_cut.Cancel);
        await Task.WhenAll(closing);
    }

    public void Dispose()
    {
        _http?.Dispose();
        _https?.Dispose();
        _reservedHttp?.Dispose();
        _preparedHttps?.Dispose();
        _gate.Dispose();
        _cut.Dispose();
    }

    public async ValueTask<string?> PrepareTlsAsync(TlsMaterial candidate, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_https is not null || _options.HttpsPort < 0 || _preparedHttps is not null)
            {
                return null;
            }

            _preparedHttps = ReservedPort.Bind(new IPEndPoint(_options.Address, _options.HttpsPort));
            return null;
        }
        catch (SocketException e)
        {
            return $"HTTPS port {_options.HttpsPort}: {ReservedPort.CauseOf(e)}";
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask AbandonTlsAsync()
    {
        await _gate.WaitAsync();
        try
        {
            DropPrepared();
        }
        finally
        {
            _gate.Release();
        }
    }

    public async ValueTask ApplyAsync(ConfigurationChange change, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            _current = change;
            if (_open is null || _stopped)
            {
                return;
            }

            var cause = change.Tls is null ? null : await OpenHttpsAsync(change.Tls, cancellationToken);
            if (change.Tls is null)
            {
                DropPrepared();
                await CloseHttpsAsync();
            }

            await FollowPlainHttpAsync(cancellationToken);
            if (cause is not null)
            {
                LogHttpsNotOpened(cause);
                throw new IOException(cause);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Serves <paramref name="material"/>, in place when HTTPS is open already. Null, or why it cannot.</summary>
    private async Task<string?> OpenHttpsAsync(TlsMaterial material, CancellationToken cancellationToken)
    {
        if (_options.HttpsPort < 0)
        {
            return null;
        }

        // Handshakes from here on see the new certificate; connections made with the old one stay.
        var minVersion = _current?.Configuration.Tls.MinVersion ?? "1.2";
        if (_tls is null || _tlsSource != (material, minVersion))
        {
            (_tls, _tlsSource) = (OptionsFor(material, minVersion), (material, minVersion));
        }

        if (_https is not null)
        {
            return null;
        }

        try
        {
            var port = Interlocked.Exchange(ref _preparedHttps, null) ?? ReservedPort.Bind(new IPEndPoint(_options.Address, _options.HttpsPort));
            _https = await _open!(port, new HttpsOptions(SelectTlsAsync, HandshakeTimeout, _time), cancellationToken);
        }
        catch (SocketException e)
        {
            return $"HTTPS port {_options.HttpsPort}: {ReservedPort.CauseOf(e)}";
        }
        catch (IOException e)
        {
            // A port can be bound twice, and listened on once: whoever was first between our two steps has it.
            LogOpenFailed(e, _options.HttpsPort);
            return $"HTTPS port {_options.HttpsPort}: {(e.InnerException is AddressInUseException ? "address already in use" : "cannot be listened on")}";
        }

        ShowAddresses();
        LogHttpsOpened(_https.EndPoint, material.Fingerprint);
        return null;
    }

    private async Task CloseHttpsAsync()
    {
        if (_https is not { } listener)
        {
            return;
        }

        _https = null;
        // The key hangs on it. A handshake under way has its own reference.
        _tls = null;
        _tlsSource = default;
        var deadline = new CancellationTokenSource();
        var (unbound, closed) = listener.Close(deadline.Token);
        _closing.RemoveAll(t => t.IsCompleted);
        _closing.Add(CloseAfterAnswersAsync(closed, listener, deadline));
        await unbound;
        ShowAddresses();
        LogHttpsClosed(listener.EndPoint);
    }

    /// <summary>
    /// Lets requests finish for five seconds. The request that deletes SSL may have come over one of the connections, and waits
    /// for this node among others: its answer is given the time it needs.
    /// </summary>
    private async Task CloseAfterAnswersAsync(Task closed, AdminListener listener, CancellationTokenSource deadline)
    {
        using (deadline)
        {
            await Task.WhenAny(closed, Task.Delay(CloseTime, _time, _cut.Token));
            if (_answers.Released is { IsCompleted: false } released && !closed.IsCompleted)
            {
                await Task.WhenAny(closed, released, Task.Delay(LongestHold, _time, _cut.Token));
                // The answer is on its way through TLS and the socket; Kestrel ends the connection right behind it.
                await Task.WhenAny(closed, Task.Delay(TimeSpan.FromSeconds(1), _time, _cut.Token));
            }

            await deadline.CancelAsync();
            await CloseQuietlyAsync(closed, listener);
        }
    }

    private async Task CloseQuietlyAsync(Task closed, AdminListener listener)
    {
        try
        {
            await closed;
        }
        catch (Exception e)
        {
            LogCloseFailed(e, listener.EndPoint);
        }
        finally
        {
            listener.Dispose();
        }
    }

    /// <summary>Opens or closes plain HTTP as the settings ask. Without HTTPS it is always open, or nobody could get in.</summary>
    private async Task FollowPlainHttpAsync(CancellationToken cancellationToken)
    {
        if (PlainHttp == PlainHttp.Off)
        {
            if (_http is { } open)
            {
                _http = null;
                var deadline = new CancellationTokenSource();
                var (unbound, closed) = open.Close(deadline.Token);
                _closing.RemoveAll(t => t.IsCompleted);
                _closing.Add(CloseAfterAnswersAsync(closed, open, deadline));
                await unbound;
                ReserveHttp(open.EndPoint);
            }
        }
        else if (_http is null)
        {
            var port = Interlocked.Exchange(ref _reservedHttp, null) ?? BindHttp();
            _http = await _open!(port, null, cancellationToken);
            LogHttpOpened(_http.EndPoint);
        }

        ShowAddresses();
    }

    private void ReserveHttp(IPEndPoint endPoint)
    {
        try
        {
            _reservedHttp = ReservedPort.Bind(endPoint);
        }
        catch (SocketException e)
        {
            LogNotReserved(e, endPoint);
        }
    }

    private ReservedPort BindHttp()
    {
        try
        {
            return ReservedPort.Bind(new IPEndPoint(_options.Address, _options.HttpPort));
        }
        catch (SocketException e)
        {
            throw new IOException($"Admin HTTP port {_options.HttpPort} on {_options.BindAddress}: {ReservedPort.CauseOf(e)}. Change {AdminOptions.Section}:HttpPort, or stop what uses it.", e);
        }
    }

    /// <summary>A silo that has been stopped and continued may know a certificate that has been replaced: it waits until it knows better.</summary>
    private async ValueTask<SslServerAuthenticationOptions> SelectTlsAsync(CancellationToken cancellationToken)
    {
        if (_services.GetService(typeof(ConfigurationLease)) is ConfigurationLease { IsHeld: false } lease)
        {
            await lease.WaitAsync().AsTask().WaitAsync(cancellationToken);
        }

        return _tls ?? throw new ConnectionAbortedException("SSL has been deleted.");
    }

    private static SslServerAuthenticationOptions OptionsFor(TlsMaterial material, string minVersion) =>
        ServerTlsOptions.ForHttps(material, new TlsSettings { MinVersion = minVersion });

    private TimeSpan HandshakeTimeout() => TimeSpan.FromSeconds(_current?.Configuration.Tls.HandshakeTimeoutSeconds ?? 10);

    private void DropPrepared() => Interlocked.Exchange(ref _preparedHttps, null)?.Dispose();

    private void ShowAddresses()
    {
        _addresses.Addresses.Clear();
        if (_http is not null)
        {
            _addresses.Addresses.Add($"http://{_http.EndPoint}");
        }

        if (_https is not null)
        {
            _addresses.Addresses.Add($"https://{_https.EndPoint}");
        }
    }

    private static PlainHttp ModeOf(ConfigurationChange? change) => change?.Configuration.Admin.AdminHttp switch
    {
        "redirect" => PlainHttp.Redirect,
        "off" => PlainHttp.Off,
        _ => PlainHttp.Open,
    };

    private sealed class ServerAddressesFeature : IServerAddressesFeature
    {
        public ICollection<string> Addresses { get; } = new List<string>();

        public bool PreferHostingUrls { get; set; }
    }
}
