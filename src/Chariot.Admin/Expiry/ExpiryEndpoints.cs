using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Expiry;

internal static class ExpiryEndpoints
{
    public static void MapExpiry(this IEndpointRouteBuilder routes) => routes.MapGet("/expiry", async (AdminGrains grains, TimeProvider time) =>
    {
        var configuration = await grains.Configuration.GetAsync();
        return Results.Ok(ExpiringCertificate.From(configuration.Ssl, time.GetUtcNow()).Select(ExpiryView.From).ToList());
    }).RequireAuthorization(Roles.Read);

    /// <param name="Threshold">The smallest of 30, 14, 7 and 1 days that has been reached; null before.</param>
    private sealed record ExpiryView(string Kind, string Subject, DateTimeOffset NotAfter, int DaysLeft, FindingSeverity Severity, int? Threshold)
    {
        public static ExpiryView From(ExpiringCertificate certificate) =>
            new(certificate.Kind, certificate.Subject, certificate.NotAfter, certificate.DaysLeft, certificate.Severity, certificate.Threshold);
    }
}
