using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Expiry;

internal static class ExpiryEndpoints
{
    /// <summary>Client certificates shown: those that expire first.</summary>
    private const int MostClients = 100;

    public static void MapExpiry(this IEndpointRouteBuilder routes) => routes.MapGet("/expiry", async (AdminGrains grains, NodeDirectory nodes, TimeProvider time, IServiceProvider services) =>
    {
        var configuration = await grains.Configuration.GetAsync();
        var trust = configuration.ClientTrustRevision == 0 ? ClientTrust.None : await grains.Configuration.GetClientTrustAsync();
        var seen = trust.Authorities is null ? [] : (await nodes.DescribeAsync())
            .SelectMany(node => node.Description?.ClientCertificates ?? [])
            .DistinctBy(certificate => certificate.Sha256Fingerprint)
            .OrderBy(certificate => certificate.NotAfter)
            .Take(MostClients);
        var now = time.GetUtcNow();
        var rows = ExpiringCertificate.From(configuration.Ssl, trust, seen, now).Select(ExpiryView.From).ToList();
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
