using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Expiry;

internal static class ExpiryEndpoints
{
    public static void MapExpiry(this IEndpointRouteBuilder routes) => routes.MapGet("/expiry", async (AdminGrains grains, TimeProvider time, IServiceProvider services) =>
    {
        var configuration = await grains.Configuration.GetAsync();
        var now = time.GetUtcNow();
        var rows = ExpiringCertificate.From(configuration.Ssl, now).Select(ExpiryView.From).ToList();
        if (configuration.Ssl is { } ssl && services.GetService<IOcspStatus>()?.Current is { } ocsp && ocsp.SetupId == ssl.SetupId)
        {
            rows.Add(ExpiryView.From(ocsp, ssl, now));
        }

        return Results.Ok(rows);
    }).RequireAuthorization(Roles.Read);

    /// <param name="Threshold">The smallest of 30, 14, 7 and 1 days that has been reached; null before.</param>
    private sealed record ExpiryView(string Kind, string Subject, DateTimeOffset NotAfter, int DaysLeft, FindingSeverity Severity, int? Threshold)
    {
        public static ExpiryView From(ExpiringCertificate certificate) =>
            new(certificate.Kind, certificate.Subject, certificate.NotAfter, certificate.DaysLeft, certificate.Severity, certificate.Threshold);

        /// <summary>The stapled answer for the leaf; without one it ends now.</summary>
        public static ExpiryView From(OcspStatus ocsp, SslConfiguration ssl, DateTimeOffset now)
        {
            var end = ocsp.NextUpdate ?? now;
            return new("ocsp", ssl.Details.Subject, end, (int)Math.Floor((end - now).TotalDays), ocsp.Problem is null ? FindingSeverity.Info : FindingSeverity.Warning, null);
        }
    }
}
