using System.Globalization;
using System.Text.Json;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Audit;

internal static class AuditEndpoints
{
    public static void MapAudit(this IEndpointRouteBuilder routes) => routes.MapGet("/audit", ListAsync).RequireAuthorization(Roles.Read);

    /// <summary>Newest first: the one list that is not ordered by key.</summary>
    private static async Task<IResult> ListAsync(int? limit, string? cursor, IAuditLog log, CancellationToken cancellationToken)
    {
        var page = PageRequest.Read(limit, cursor);
        if (page.Refusal is { } refusal)
        {
            return new Problem(refusal);
        }

        long? before = null;
        if (page.Value.After is { } after)
        {
            if (!long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                return new Problem(Refusal.Invalid("cursor is not one of ours.", [Findings.Error("page.cursor", "cursor", "The cursor was not made by this call; begin without one.")]));
            }

            before = id;
        }

        var rows = await log.ReadAsync(before, page.Value.Limit + 1, cancellationToken);
        return Results.Ok(page.Value.Cut(rows, r => r.Id.ToString(CultureInfo.InvariantCulture), AuditView.From));
    }

    private sealed record AuditView(long Id, DateTimeOffset At, string Actor, string Address, string Action, string Target, string Outcome, object Detail)
    {
        public static AuditView From(AuditEntry entry) =>
            new(entry.Id, entry.At, entry.Actor, entry.Address, entry.Action, entry.Target, entry.Outcome, Parse(entry.Detail));

        private static object Parse(string detail)
        {
            try
            {
                using var document = JsonDocument.Parse(detail);
                return document.RootElement.Clone();
            }
            catch (JsonException)
            {
                // Entries of other writers may be plain text.
                return detail;
            }
        }
    }
}
