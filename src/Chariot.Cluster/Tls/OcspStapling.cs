using System.Security.Cryptography.X509Certificates;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Tls;

/// <summary>
/// Staples OCSP answers when the administrator asks for it (docs/adr/0009). A certificate is always served without first; when a bounded
/// request of our own has shown that a responder answers, it is served with stapling, which .NET then keeps fresh in the
/// background. A responder that is down costs no handshake anything: it is told in the log, in GET /ssl and in GET /expiry.
/// </summary>
internal sealed partial class OcspStapling(ConfigurationFeed feed, TimeProvider time, ILogger<OcspStapling> logger) : BackgroundService, IOcspStatus
{
    /// <summary>How often it looks whether setting or certificate have changed.</summary>
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(12);
    private static readonly TimeSpan TellAgain = TimeSpan.FromDays(1);

    private readonly OcspResponder _responder = new();
    private volatile OcspStatus? _current;

    // Below: only in CheckAsync.
    private DateTimeOffset _due;
    private DateTimeOffset _told;

    public OcspStatus? Current => _current;

    public override void Dispose()
    {
        _responder.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CheckAsync(stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                LogCheckFailed(error);
                _due = time.GetUtcNow() + Retry;
            }
        }
    }

    private async Task CheckAsync(CancellationToken stop)
    {
        var (configuration, material) = (feed.Current, feed.Tls);
        if (!configuration.Tls.OcspStapling || configuration.Ssl is not { } ssl || material?.SetupId != ssl.SetupId)
        {
            _current = null;
            return;
        }

        var now = time.GetUtcNow();
        if (_current?.SetupId != ssl.SetupId)
        {
            (_due, _told) = (now, default);
        }
        else if (now < _due)
        {
            return;
        }

        var addresses = OcspResponder.AddressesOf(material.Certificate);
        using var issuer = ssl.Intermediates.FirstOrDefault() is { } der ? X509CertificateLoader.LoadCertificate(der)
            : ssl.Root is { } root ? X509CertificateLoader.LoadCertificate(root)
            : null;
        var (answer, problem) = addresses.Count == 0 ? (null, "The certificate names no OCSP responder (http).")
            : issuer is null ? (null, "The CA chain does not hold the issuer of the certificate, without which no responder can be asked.")
            : await _responder.AskAsync(material.Certificate, issuer, addresses, stop);
        problem ??= answer!.Status switch
        {
            OcspCertificateStatus.Revoked => "The certificate has been revoked by its CA.",
            OcspCertificateStatus.Unknown => $"The OCSP responder {addresses[0]} does not know the certificate.",
            _ => null,
        };
        var before = _current?.SetupId == ssl.SetupId ? _current : null;
        if (problem is null && (!material.Staples || before?.Problem is not null))
        {
            // Made anew after an outage too: a fetch of .NET's that hangs has no end of its own.
            await feed.StapleAsync(ssl.SetupId);
        }

        _current = new OcspStatus(ssl.SetupId, addresses.Count == 0 ? null : addresses[0].AbsoluteUri, problem, answer?.NextUpdate ?? before?.NextUpdate);
        _due = now + (problem is null ? PauseUntil(answer!.NextUpdate, now) : Retry);
        Tell(before, now);
    }

    private static TimeSpan PauseUntil(DateTimeOffset? nextUpdate, DateTimeOffset now)
    {
        var half = ((nextUpdate ?? now) - now) / 2;
        return half < ShortestPause ? ShortestPause : half > LongestPause ? LongestPause : half;
    }

    private void Tell(OcspStatus? before, DateTimeOffset now)
    {
        var current = _current!;
        if (current.Problem is { } problem)
        {
            if (before?.Problem != problem || now - _told >= TellAgain)
            {
                _told = now;
                LogProblem(problem);
            }
        }
        else if (before is null || before.Problem is not null)
        {
            LogStapling(current.Responder!, current.NextUpdate);
        }
    }

    [LoggerMessage(3250, LogLevel.Warning, "OCSP stapling is on, and clients get no fresh answer: {Problem} Handshakes go on without. Check the responder and the way to it, or switch ocspStapling off")]
    private partial void LogProblem(string problem);

    [LoggerMessage(3251, LogLevel.Information, "OCSP answers of {Responder} are stapled; the last one holds until {NextUpdate:u}")]
    private partial void LogStapling(string responder, DateTimeOffset? nextUpdate);

    [LoggerMessage(3252, LogLevel.Error, "OCSP stapling could not be looked after; tried again in 30 s. Certificates are served all the same")]
    private partial void LogCheckFailed(Exception exception);
}
