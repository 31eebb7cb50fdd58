using System.Globalization;
using System.Runtime.CompilerServices;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Http;

namespace Chariot.Admin.Audit;

/// <summary>Which entries are meant; texts are parts of the field, in any case, and null or empty for all.</summary>
internal sealed record AuditFilter(string? Actor, string? Action, string? Target, string? Outcome, DateTimeOffset? From, DateTimeOffset? To)
{
    public static AuditFilter None { get; } = new(null, null, null, null, null, null);

    public bool IsNone => string.IsNullOrEmpty(Actor + Action + Target + Outcome) && From is null && To is null;

    public bool Meets(AuditEntry entry) =>
        Contains(entry.Actor, Actor) && Contains(entry.Action, Action) && Contains(entry.Target, Target) && Contains(entry.Outcome, Outcome)
        && (From is not { } from || entry.At >= from) && (To is not { } to || entry.At <= to);

    private static bool Contains(string value, string? part) => string.IsNullOrEmpty(part) || value.Contains(part, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A page of the audit log, newest first.</summary>
/// <param name="SearchedTo">Time of the oldest entry looked at: with a filter a page may be short, and its cursor goes on behind it.</param>
internal sealed record AuditPage(Page<AuditEntry> Page, DateTimeOffset? SearchedTo);

/// <summary>Reads the audit log. The log knows only its order, so a filter is applied here to what is read.</summary>
internal sealed class AuditSearch(IAuditLog log)
{
    private const int Batch = 500;

    /// <summary>Entries looked at for one page: a second or so of the store.</summary>
    private const int MostLookedAt = 10_000;

    // Clocks of admin hosts differ, so entries are not quite in the order of their times.
    private static readonly TimeSpan ClockSlack = TimeSpan.FromMinutes(10);

    public async Task<Act<AuditPage>> ReadAsync(AuditFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        long? before = null;
        if (page.After is { } after)
        {
            if (!long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                return Refusal.Invalid("cursor is not one of ours.", [Findings.Error("page.cursor", "cursor", "The cursor was not made by this call; begin without one.")]);
            }

            before = id;
        }

        var met = new List<AuditEntry>();
        var lookedAt = 0;
        while (true)
        {
            // Without a filter one more than the page holds says whether there is another; with one the cursor is where the search stood.
            var asked = filter.IsNone ? page.Limit + 1 : Batch;
            var rows = await log.ReadAsync(before, asked, cancellationToken);
            foreach (var row in rows)
            {
                if (met.Count == page.Limit)
                {
                    return Page(met, before, row.At);
                }

                (before, lookedAt) = (row.Id, lookedAt + 1);
                if (filter.Meets(row))
                {
                    met.Add(row);
                }
            }

            if (rows.Count < asked || IsTooOld(filter, rows[^1]))
            {
                return Page(met, null, rows.Count == 0 ? null : rows[^1].At);
            }

            if (lookedAt >= MostLookedAt)
            {
                return Page(met, before, rows[^1].At);
            }
        }
    }

    /// <summary>All entries that <paramref name="filter"/> meets, newest first.</summary>
    public async IAsyncEnumerable<AuditEntry> ReadAllAsync(AuditFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long? before = null;
        while (true)
        {
            var rows = await log.ReadAsync(before, Batch, cancellationToken);
            foreach (var row in rows.Where(filter.Meets))
            {
                yield return row;
            }

            if (rows.Count < Batch || IsTooOld(filter, rows[^1]))
            {
                yield break;
            }

            before = rows[^1].Id;
        }
    }

    private static bool IsTooOld(AuditFilter filter, AuditEntry oldest) => filter.From is { } from && oldest.At < from - ClockSlack;

    private static Act<AuditPage> Page(List<AuditEntry> met, long? before, DateTimeOffset? searchedTo) => Act<AuditPage>.Done(new AuditPage(
        new Page<AuditEntry>(met, before is { } id ? PageRequest.Cursor(id.ToString(CultureInfo.InvariantCulture)) : null), searchedTo));
}
