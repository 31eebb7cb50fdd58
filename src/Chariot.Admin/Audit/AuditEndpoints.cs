using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Audit;

internal static class AuditEndpoints
{
    public static void MapAudit(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/audit", ListAsync).RequireAuthorization(Roles.Read);
        routes.MapGet("/audit/export", Export).RequireAuthorization(Roles.Read);
    }

    /// <summary>Newest first: the one list that is not ordered by key.</summary>
    private static async Task<IResult> ListAsync(int? limit, string? cursor, [AsParameters] FilterQuery query, AuditSearch search, CancellationToken cancellationToken)
    {
        var page = PageRequest.Read(limit, cursor);
        if (page.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        return Answers.Ok(
            await search.ReadAsync(query.Filter, page.Value, cancellationToken),
            found => new { Items = found.Page.Items.Select(AuditView.From), found.Page.NextCursor, found.SearchedTo });
    }

    /// <summary><c>?format=csv</c> or <c>json</c>, with the filters of the list.</summary>
    private static IResult Export(string? format, [AsParameters] FilterQuery query, AuditSearch search, TimeProvider time, CancellationToken cancellationToken) =>
        format is not (null or "csv" or "json")
            ? new Problem(Refusal.Invalid("format is csv or json.", [Findings.Error("format.unknown", "format", "format is csv or json.")]))
            : new AuditExport(search.ReadAllAsync(query.Filter, cancellationToken), isCsv: format != "json", time.GetUtcNow());

    private sealed record FilterQuery(string? Actor, string? Action, string? Target, string? Outcome, DateTimeOffset? From, DateTimeOffset? To)
    {
        public AuditFilter Filter => new(Actor, Action, Target, Outcome, From, To);
    }
}
