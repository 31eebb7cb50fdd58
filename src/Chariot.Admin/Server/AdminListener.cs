using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Server;

/// <summary>
/// One open port: a Kestrel of its own, so that it opens and closes without touching the other one. Kestrel's reload of its
/// configuration does not do: it cuts live connections after five seconds, and stops before it starts.
/// </summary>
internal sealed class AdminListener : IDisposable
{
    /// <summary>Bytes of a request body.</summary>
    public const long MaximumBody = 1024 * 1024;

    private readonly KestrelServer _kestrel;
    private readonly WatchedTransport _transport;

    private AdminListener(KestrelServer kestrel, WatchedTransport transport, IPEndPoint endPoint) =>
        (_kestrel, _transport, EndPoint) = (kestrel, transport, endPoint);

    public IPEndPoint EndPoint { get; }

    public static async Task<AdminListener> OpenAsync<TContext>(
        ReservedPort port,
        IHttpApplication<TContext> application,
        HttpsOptions? tls,
        IServiceProvider services,
        ILoggerFactory loggers,
        CancellationToken cancellationToken)
        where TContext : notnull
    {
        var options = new KestrelServerOptions { ApplicationServices = services, AddServerHeader = false };
        options.Limits.MaxRequestBodySize = MaximumBody;
        options.Limits.MaxConcurrentConnections = 1000;
        options.Listen(port.EndPoint, listen =>
        {
            if (tls is not null)
            {
                HandshakeLimit.UseHttps(listen, tls);
            }
        });

        var transport = new WatchedTransport(new SocketTransportFactory(
            Options.Create(new SocketTransportOptions { CreateBoundListenSocket = _ => port.Take() }), loggers));
        var kestrel = new KestrelServer(Options.Create(options), transport, loggers);
        try
        {
            await kestrel.StartAsync(application, cancellationToken);
        }
        catch
        {
            kestrel.Dispose();
            port.Dispose();
            throw;
        }

        return new AdminListener(kestrel, transport, port.EndPoint);
    }

    /// <summary>
    /// Stops listening and lets requests finish; connections that are left when <paramref name="deadline"/> fires are cut. The
    /// first task completes when nobody can connect any more, the second when all connections are gone.
    /// </summary>
    public (Task Unbound, Task Closed) Close(CancellationToken deadline)
    {
        var closed = _kestrel.StopAsync(deadline);
        return (Task.WhenAny(_transport.Unbound, closed), closed);
    }

    public void Dispose() => _kestrel.Dispose();

    /// <summary>Tells when the listening socket is gone, which Kestrel keeps to itself.</summary>
    private sealed class WatchedTransport(IConnectionListenerFactory inner) : IConnectionListenerFactory
    {
        private readonly TaskCompletionSource _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Unbound => _unbound.Task;

        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new WatchedListener(await inner.BindAsync(endpoint, cancellationToken), _unbound);
    }

    private sealed class WatchedListener(IConnectionListener inner, TaskCompletionSource unbound) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => inner.AcceptAsync(cancellationToken);

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await inner.UnbindAsync(cancellationToken);
            unbound.TrySetResult();
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
