using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Admin.Accounts;
using Chariot.Admin.Expiry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Health;

internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => new HealthView("alive", [])).AllowAnonymous().WithMetadata(new AllowedBeforePasswordChange());
        routes.MapGet("/readyz", Ready).AllowAnonymous().WithMetadata(new AllowedBeforePasswordChange());
        routes.MapGet("/metrics", Metrics).RequireAuthorization(Roles.Read).Produces<string>(contentType: "text/plain");
    }

    /// <summary>The same on a port of its own: nobody else reaches it, so metrics need no token.</summary>
    public static void MapOpenHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => new HealthView("alive", []));
        routes.MapGet("/readyz", Ready);
        routes.MapGet("/metrics", Metrics);
    }

    // Not injected: a process without an admin host has its parts, but nothing of the admin host's.
    private static IResult Ready(IServiceProvider services)
    {
        var reasons = ActivatorUtilities.GetServiceOrCreateInstance<Readiness>(services).Reasons;
        return Results.Json(new HealthView(reasons.Count == 0 ? "ready" : "not-ready", reasons), statusCode: reasons.Count == 0 ? 200 : 503);
    }

    private static IResult Metrics(IServiceProvider services)
    {
        var node = services.GetService<IEdgeNode>()?.Describe();
        var feed = services.GetService<IConfigurationFeed>();
        var certificates = ExpiringCertificate.From(feed?.Current.Ssl, feed?.ClientTrust ?? ClientTrust.None, node?.ClientCertificates ?? [], services.GetRequiredService<TimeProvider>().GetUtcNow());
        return Results.Text(MetricsText.Write(node, certificates), MetricsText.ContentType);
    }

    private sealed record HealthView(string Status, IReadOnlyList<string> Reasons);
}
