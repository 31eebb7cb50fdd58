using Chariot.Abstractions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Expiry;

/// <summary>
/// Logs certificates that are about to expire: each one once per day (UTC), and at once when it reaches the next of 30, 14, 7
/// and 1 days.
/// </summary>
/// <param name="feed">Null in a process that follows no configuration.</param>
internal sealed partial class ExpiryWatch(TimeProvider time, ILogger<ExpiryWatch> logger, IConfigurationFeed? feed = null) : BackgroundService
{
    /// <summary>Short, because looking costs nothing: a new certificate, and the one found at start, are told of soon.</summary>
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private Dictionary<string, (DateTime Day, int Threshold)> _told = [];

    /// <summary>Logs what has not been logged today. Not for several threads at once.</summary>
    internal void Check()
    {
        var now = time.GetUtcNow();
        var told = new Dictionary<string, (DateTime Day, int Threshold)>();
        foreach (var certificate in ExpiringCertificate.From(feed?.Current.Ssl, feed?.ClientTrust ?? ClientTrust.None, [], now))
        {
            if (certificate.Threshold is not { } threshold)
            {
                continue;
            }

            var entry = (now.UtcDateTime.Date, threshold);
            told[certificate.Sha256Fingerprint] = entry;
            if (_told.TryGetValue(certificate.Sha256Fingerprint, out var before) && before == entry)
            {
                continue;
            }

            if (certificate.Kind is "client-ca" or ExpiringCertificate.RevocationListKind)
            {
                LogClientTrustExpires(certificate.Kind, certificate.Subject, certificate.NotAfter, certificate.DaysLeft);
            }
            else if (certificate.Severity == FindingSeverity.Error)
            {
                LogExpiresNow(certificate.Kind, certificate.Subject, certificate.NotAfter, certificate.DaysLeft);
            }
            else
            {
                LogExpiresSoon(certificate.Kind, certificate.Subject, certificate.NotAfter, certificate.DaysLeft);
            }
        }

        _told = told;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Check();
        }
    }

    [LoggerMessage(4200, LogLevel.Warning, "The {Kind} {Subject} for client certificates ends on {NotAfter:u} (days left: {Days}). Upload the CA's successor or its current list below /api/v1/client-ca; an overdue list is still enforced, an expired CA trusts nobody")]
    private partial void LogClientTrustExpires(string kind, string subject, DateTimeOffset notAfter, int days);

    [LoggerMessage(4070, LogLevel.Warning, "The {Kind} certificate {Subject} expires on {NotAfter:u}, in {Days} days. Request its successor and replace it with PUT /api/v1/ssl")]
    private partial void LogExpiresSoon(string kind, string subject, DateTimeOffset notAfter, int days);

    [LoggerMessage(4071, LogLevel.Error, "The {Kind} certificate {Subject} expires on {NotAfter:u} (days left: {Days}); clients refuse it from then on. Replace it now with PUT /api/v1/ssl")]
    private partial void LogExpiresNow(string kind, string subject, DateTimeOffset notAfter, int days);
}
