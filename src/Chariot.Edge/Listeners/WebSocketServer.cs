using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Chariot.Edge.Transports;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Edge.Listeners;

/// <summary>
/// Turns accepted connections into MQTT transports by the opening handshake of RFC 6455: a Kestrel that owns no port and serves
/// one path. Takes no cookie, no HTTP authentication and no extension (so no compression); MQTT signs in by CONNECT.
/// </summary>
internal sealed class WebSocketServer : IHttpApplication<HttpContext>, IDisposable
{
    public const string Path = "/mqtt";

    /// <summary>The largest MQTT packet with its header: no frame needs more [MQTT-1.5.5, table 1-1].</summary>
    private const long LargestFrame = 268_435_455 + 5;

    private const string Mqtt = "mqtt";
    private const string Mqtt31 = "mqttv3.1";

    /// <summary>RFC 6455 section 1.3.</summary>
    private const string AcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    private static readonly TimeSpan RequestTime = TimeSpan.FromSeconds(10);

    private readonly AcceptedConnections _accepted = new();
    private readonly HashSet<string> _allowedOrigins;
    private readonly Func<ITransport, Task> _serve;
    private readonly KestrelServer _kestrel;
    private readonly Lock _gate = new();
    private bool _started;

    /// <param name="allowedOrigins">Web pages that may connect, by origin; empty for any. Clients that send no Origin are no browsers.</param>
    /// <param name="serve">Serves one client to its end; never throws.</param>
    /// <param name="loggers">For Kestrel.</param>
    public WebSocketServer(IEnumerable<string> allowedOrigins, Func<ITransport, Task> serve, ILoggerFactory loggers)
    {
        _allowedOrigins = new HashSet<string>(allowedOrigins.Select(origin => origin.Trim().TrimEnd('/')), StringComparer.OrdinalIgnoreCase);
        _serve = serve;
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MaxRequestBodySize = 0;
        options.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        options.Limits.MaxRequestLineSize = 2 * 1024;
        options.Limits.RequestHeadersTimeout = RequestTime;
        options.Limits.KeepAliveTimeout = RequestTime;
        // Kestrel's default cuts a client that takes nothing for 5 s; MQTT clients have 60 s, on every transport.
        options.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 1024, gracePeriod: TimeSpan.FromSeconds(60));
        options.Listen(IPAddress.None, 0, listen => listen.Protocols = HttpProtocols.Http1);
        _kestrel = new KestrelServer(Options.Create(options), _accepted, loggers);
    }

    /// <summary>Ready for <see cref="Accept"/>; may be called again.</summary>
    public void Start()
    {
        lock (_gate)
        {
            if (!_started)
            {
                _started = true;
                // Binds nothing, so there is nothing to wait for.
                _kestrel.StartAsync(this, CancellationToken.None).GetAwaiter().GetResult();
            }
        }
    }

    /// <summary>Serves <paramref name="connection"/> and closes it in the end.</summary>
    public void Accept(StreamConnection connection)
    {
        if (!_accepted.TryAdd(connection))
        {
            connection.Abort();
        }
    }

    public void Dispose() => _kestrel.Dispose();

    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    public void DisposeContext(HttpContext context, Exception? exception)
    {
        // Nothing is held per request.
    }

    public async Task ProcessRequestAsync(HttpContext context)
    {
        var upgrade = context.Features.GetRequiredFeature<IHttpUpgradeFeature>();
        var protocol = SelectProtocol(context.Request.Headers);
        var refusal = FindRefusal(context.Request, upgrade, protocol);
        var headers = context.Response.Headers;
        if (refusal != 0)
        {
            headers.Connection = "close";
            context.Response.StatusCode = refusal;
            context.Response.ContentLength = 0;
            if (refusal == StatusCodes.Status426UpgradeRequired)
            {
                headers.Upgrade = "websocket";
                headers.SecWebSocketVersion = "13";
            }

            return;
        }

        headers.Connection = "Upgrade";
        headers.Upgrade = "websocket";
        headers.SecWebSocketAccept = AcceptOf(context.Request.Headers.SecWebSocketKey.ToString());
        headers.SecWebSocketProtocol = protocol;
        var connection = context.Features.GetRequiredFeature<StreamConnection>();
        await using var stream = new FrameLimitStream(await upgrade.UpgradeAsync(), LargestFrame);
        using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions
        {
            IsServer = true,
            SubProtocol = protocol,
            // Who is still there is found out by MQTT's Keep Alive.
            KeepAliveInterval = Timeout.InfiniteTimeSpan,
        });
        await _serve(new WebSocketTransport(socket, connection.RemoteAddress, connection.Secure, connection.Abort, connection.ClientCertificate));
    }

    /// <summary>Status of the answer that refuses the request; 0 when it is to be upgraded.</summary>
    private int FindRefusal(HttpRequest request, IHttpUpgradeFeature upgrade, string? protocol)
    {
        if (request.Path != Path)
        {
            return StatusCodes.Status404NotFound;
        }

        var headers = request.Headers;
        if (!upgrade.IsUpgradableRequest || !headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase) || headers.SecWebSocketVersion != "13")
        {
            return StatusCodes.Status426UpgradeRequired;
        }

        if (!HttpMethods.IsGet(request.Method) || !IsKey(headers.SecWebSocketKey.ToString()) || protocol is null)
        {
            return StatusCodes.Status400BadRequest;
        }

        return _allowedOrigins.Count > 0 && headers.Origin.Count > 0 && !_allowedOrigins.Contains(headers.Origin.ToString())
            ? StatusCodes.Status403Forbidden
            : 0;
    }

    /// <summary>Of those that the client offers [MQTT-6.0.0-3]; null for none that is ours.</summary>
    private static string? SelectProtocol(IHeaderDictionary headers)
    {
        var offered = headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol");
        return offered.Contains(Mqtt, StringComparer.Ordinal) ? Mqtt
            : offered.Contains(Mqtt31, StringComparer.Ordinal) ? Mqtt31
            : null;
    }

    private static bool IsKey(string key)
    {
        Span<byte> bytes = stackalloc byte[24];
        return key.Length == 24 && Convert.TryFromBase64String(key, bytes, out var length) && length == 16;
    }

    private static string AcceptOf(string key)
    {
#pragma warning disable CA5350 // RFC 6455 section 4.2.2 asks for SHA-1; it protects nothing.
        return Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + AcceptSuffix)));
#pragma warning restore CA5350
    }
}
