using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Chariot.Edge.Listeners;

/// <summary>
/// Shakes hands with this node's own MQTT port for TLS and reads the certificate that it shows: what is really served, whatever
/// the node believes. Runs after every change and every <see cref="Period"/>.
/// </summary>
internal sealed partial class ServedCertificateProbe(TimeProvider time, ILogger<ServedCertificateProbe> logger) : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _oneAtATime = new(1, 1);
    private Task _running = Task.CompletedTask;
    private volatile string? _fingerprint;
    private volatile IPEndPoint? _own;
    private string? _suspicion;
    private int _seen;

    /// <summary>SHA-256 of the leaf in the last handshake, lower-case hex; null when the port is closed or there was no answer.</summary>
    public string? Fingerprint => _fingerprint;

    /// <summary>
    /// Whether <paramref name="accepted"/> is the other end of the last probe. It has no certificate to send, so with client
    /// certificates required its handshake fails each time, after it has seen what it came for.
    /// </summary>
    public bool IsOwn(Socket accepted)
    {
        try
        {
            return _own is { } own && accepted.RemoteEndPoint is IPEndPoint remote && own.Port == remote.Port && Unmapped(own.Address).Equals(Unmapped(remote.Address));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Gone already, so nobody can say any more.
            return false;
        }
    }

    /// <summary>Probes now and then periodically. Both functions are asked before each handshake.</summary>
    /// <param name="endPoint">The port; null while it is closed.</param>
    /// <param name="expected">Fingerprint that the node means to serve.</param>
    public void Start(Func<IPEndPoint?> endPoint, Func<string?> expected) => _running = RunAsync(endPoint, expected);

    /// <summary>One handshake, for at most 2 s. Never throws for what the other side does.</summary>
    public async Task ProbeAsync(IPEndPoint? endPoint, string? expected)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            var (served, error) = endPoint is null ? (null, null) : await HandshakeAsync(Reachable(endPoint));
            _fingerprint = served;
            if (endPoint is not null && !_stopping.IsCancellationRequested)
            {
                Tell(endPoint, served, expected, error ?? "no certificate was shown");
            }
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>The second time in a row: a probe that runs while the certificate is switched sees the old one, once.</summary>
    private void Tell(IPEndPoint endPoint, string? served, string? expected, string error)
    {
        var suspicion = served == expected ? null : served ?? "none";
        _seen = suspicion == _suspicion ? Math.Min(_seen + 1, 3) : 1;
        _suspicion = suspicion;
        if (suspicion is null || _seen != 2)
        {
            return;
        }

        if (served is null)
        {
            LogNoCertificate(endPoint, error);
        }
        else
        {
            LogOtherCertificate(endPoint, served, expected ?? "none");
        }
    }

    private async Task RunAsync(Func<IPEndPoint?> endPoint, Func<string?> expected)
    {
        using var timer = new PeriodicTimer(Period, time);
        do
        {
            await ProbeAsync(endPoint(), expected());
        }
        while (await timer.WaitForNextTickAsync(_stopping.Token));
    }

    private async Task<(string? Fingerprint, string? Error)> HandshakeAsync(IPEndPoint endPoint)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        ending.CancelAfter(Limit);
        string? served = null;
        try
        {
            using var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(endPoint, ending.Token);
            _own = socket.LocalEndPoint as IPEndPoint;
            await using var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "localhost",
                    // Otherwise .NET fetches issuers that are missing from addresses in the certificate, and waits for them.
                    CertificateChainPolicy = new X509ChainPolicy { DisableCertificateDownloads = true, RevocationMode = X509RevocationMode.NoCheck },
                    // A resumed session would show the certificate of the handshake that it came from.
                    AllowTlsResume = false,
                    RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    {
                        // Nothing is sent to whoever answers, so nothing hangs on its being trusted.
                        served = certificate?.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();
                        return served is not null;
                    },
                },
                ending.Token);
            return (served, null);
        }
        catch (Exception error) when (error is AuthenticationException or IOException or SocketException or OperationCanceledException)
        {
            // With client certificates required the handshake may fail after the certificate was shown; that is all we wanted.
            return (served, error is OperationCanceledException ? "it took too long" : error.Message);
        }
    }

    private static IPAddress Unmapped(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static IPEndPoint Reachable(IPEndPoint bound) =>
        bound.Address.Equals(IPAddress.Any) ? new IPEndPoint(IPAddress.Loopback, bound.Port)
        : bound.Address.Equals(IPAddress.IPv6Any) ? new IPEndPoint(IPAddress.IPv6Loopback, bound.Port)
        : bound;

    [LoggerMessage(1100, LogLevel.Warning, "The MQTT port for TLS, {EndPoint}, showed no certificate to a handshake from this host: {Reason}. Clients may not get in either; tried again in 30 s")]
    private partial void LogNoCertificate(IPEndPoint endPoint, string reason);

    [LoggerMessage(1101, LogLevel.Error, "The MQTT port for TLS, {EndPoint}, serves certificate {Served} instead of {Expected}. Restart this node, and report it with this text")]
    private partial void LogOtherCertificate(IPEndPoint endPoint, string served, string expected);
}
