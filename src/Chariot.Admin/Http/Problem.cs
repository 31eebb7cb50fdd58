using System.Collections.Immutable;
using System.Data.Common;
using System.Globalization;
using System.Text.Json.Serialization;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Audit;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Chariot.Admin.Http;

/// <summary>A refusal as RFC 9457 problem details.</summary>
internal sealed class Problem(Refusal refusal) : IResult
{
    public const string TypePrefix = "urn:chariot:error:";

    public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext, refusal);

    public static Task WriteAsync(HttpContext context, Refusal refusal)
    {
        context.Response.StatusCode = refusal.Status;
        if (refusal.RetryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        var body = new Body(
            TypePrefix + refusal.Code,
            ReasonPhrases.GetReasonPhrase(refusal.Status),
            refusal.Status,
            refusal.Detail,
            refusal.Findings.IsEmpty ? null : refusal.Findings,
            refusal.Nodes.IsEmpty ? null : NodeView.From(refusal.Nodes));
        return context.Response.WriteAsJsonAsync(body, options: null, "application/problem+json", context.RequestAborted);
    }

    /// <summary>For answers that nothing of ours made: no route, wrong method, wrong media type.</summary>
    public static Refusal ForStatus(int status) => status switch
    {
        400 => new(status, "bad-request", "The request cannot be read."),
        401 => new(status, "not-signed-in", "Sign in with POST /api/v1/login, or send an API token as bearer token."),
        403 => new(status, "forbidden", "Your role does not allow this."),
        404 => new(status, "not-found", "There is nothing at this address."),
        405 => new(status, "method-not-allowed", "This address does not know the method."),
        408 => new(status, "request-timeout", "The request came too slowly."),
        413 => new(status, "too-large", "The request body is larger than 1 MiB."),
        415 => new(status, "unsupported-media-type", "The body has a media type that this address does not take."),
        431 => new(status, "headers-too-large", "The request headers are too large."),
        >= 500 => new(status, "internal-error", "Something failed inside the broker. Its log has the cause."),
        _ => new(status, "bad-request", "The request was refused."),
    };

    /// <summary>For what was thrown: never with its text, which names files, hosts and sometimes input.</summary>
    public static Refusal ForException(Exception exception) => exception switch
    {
        AuditUnavailableException audit => new(503, "audit-unavailable", audit.Message),
        TimeoutException or OrleansException => new(503, "cluster-unavailable", "The cluster did not answer in time. Try again.") { RetryAfter = TimeSpan.FromSeconds(2) },
        // Lost on the way to the database, or refused there for now: what another attempt may mend.
        DbException { IsTransient: true } => new(503, "store-unavailable", "The store does not answer. Check it, then try again.") { RetryAfter = TimeSpan.FromSeconds(2) },
        _ => ForStatus(500),
    };

    private sealed record Body(
        string Type,
        string Title,
        int Status,
        string Detail,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<Finding>? Findings,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<NodeView>? Nodes);
}

/// <summary>One node's answer to a change.</summary>
internal sealed record NodeView(string Node, long Revision, bool Applied, string? Error)
{
    public static IReadOnlyList<NodeView> From(ImmutableArray<NodeResult> nodes) =>
        [.. nodes.Select(n => new NodeView(n.Node, n.Revision, n.Applied, n.Error))];
}
