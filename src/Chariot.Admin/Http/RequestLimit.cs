using System.Security.Claims;
using System.Threading.RateLimiting;
using Chariot.Admin.Accounts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Http;

/// <summary>
/// How often one caller may ask the API: <see cref="AdminOptions.RequestsPerSecond"/>, and as many at once. Counted on each host by itself.
/// Pages, their assets, circuits and health checks have no part in it.
/// </summary>
internal static class RequestLimit
{
    public const string Policy = "api";

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    public static void AddRequestLimit(this IServiceCollection services) => services.AddRateLimiter(limiter =>
    {
        limiter.AddPolicy(Policy, PartitionOf);
        limiter.OnRejected = (rejected, _) => new ValueTask(Problem.WriteAsync(
            rejected.HttpContext,
            new Refusal(429, "too-many-requests", "Too many requests in a second. Wait, then go on.")
            {
                RetryAfter = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : Period,
            }));
    });

    private static RateLimitPartition<string> PartitionOf(HttpContext context)
    {
        var rate = context.RequestServices.GetRequiredService<IOptions<AdminOptions>>().Value.RequestsPerSecond;
        return rate == 0
            ? RateLimitPartition.GetNoLimiter("")
            : RateLimitPartition.GetTokenBucketLimiter(CallerOf(context), _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = rate,
                TokensPerPeriod = rate,
                ReplenishmentPeriod = Period,
            });
    }

    // The sign-ins of an account share its limit; an API token has one of its own.
    private static string CallerOf(HttpContext context) => context.User switch
    {
        var user when user.FindFirstValue(BearerAuthenticationHandler.TokenIdClaim) is { } token => "token " + token,
        { Identity: { IsAuthenticated: true, Name: { } name } } => "account " + name,
        _ => "address " + RemoteNetwork.NameOf(context.Connection.RemoteIpAddress),
    };
}
