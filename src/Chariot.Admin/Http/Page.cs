using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace Chariot.Admin.Http;

/// <summary>One page of a list that is ordered by key, ordinal.</summary>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor)
{
    /// <summary>A list that is never long enough for a second page.</summary>
    public static Page<T> Whole(IReadOnlyList<T> items) => new(items, null);
}

/// <summary>Which page is asked for: <c>?limit=&amp;cursor=</c>.</summary>
internal sealed record PageRequest(int Limit, string? After)
{
    public const int DefaultLimit = 100;
    public const int MaximumLimit = 500;

    /// <summary>The cursor is the last key of the page before, base64url, so that no caller takes it apart.</summary>
    public static Act<PageRequest> Read(int? limit, string? cursor)
    {
        if (limit is < 1 or > MaximumLimit)
        {
            return Refusal.Invalid(
                $"limit must be 1 to {MaximumLimit}.",
                [Findings.Error("page.limit", "limit", $"limit is {limit}; it must be 1 to {MaximumLimit}.")]);
        }

        if (string.IsNullOrEmpty(cursor))
        {
            return Act<PageRequest>.Done(new PageRequest(limit ?? DefaultLimit, null));
        }

        try
        {
            return Act<PageRequest>.Done(new PageRequest(limit ?? DefaultLimit, Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(cursor))));
        }
        catch (FormatException)
        {
            return Refusal.Invalid("cursor is not one of ours.", [Findings.Error("page.cursor", "cursor", "The cursor was not made by this API; begin without one.")]);
        }
    }

    public static string Cursor(string key) => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(key));

    /// <summary>Makes a page from up to <see cref="Limit"/> + 1 rows; the one too many says that there is a next page.</summary>
    public Page<TView> Cut<T, TView>(IReadOnlyList<T> rows, Func<T, string> key, Func<T, TView> view) => new(
        [.. rows.Take(Limit).Select(view)],
        rows.Count > Limit ? Cursor(key(rows[Limit - 1])) : null);
}
