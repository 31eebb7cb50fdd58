using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Chariot.Admin.Http;

/// <summary>Turns acts into answers, and reads what several calls have in common.</summary>
internal static class Answers
{
    /// <summary>200, or 202 when a live node does not act on the change.</summary>
    public static IResult Ok<T>(Act<T> act, Func<T, object> view, Func<T, long?>? revision = null) => act.Refusal is { } refusal
        ? new Problem(refusal)
        : new Answer(act.Partial ? 202 : 200, view(act.Value), revision?.Invoke(act.Value), Location: null);

    /// <summary>201 with the address of what was made, or 202 when a live node does not act on it.</summary>
    public static IResult Created<T>(Act<T> act, Func<T, object> view, Func<T, string> location, Func<T, long?>? revision = null) => act.Refusal is { } refusal
        ? new Problem(refusal)
        : new Answer(act.Partial ? 202 : 201, view(act.Value), revision?.Invoke(act.Value), location(act.Value));

    /// <summary>204, or 202 with the nodes when a live one does not act on the change.</summary>
    public static IResult NoContent<T>(Act<T> act) => act.Refusal is { } refusal
        ? new Problem(refusal)
        : act.Partial ? new Answer(202, new { Nodes = NodeView.From(act.Nodes) }, Revision: null, Location: null) : Results.NoContent();

    /// <summary>Reads If-Match: null without one or for <c>*</c>. A tag that is not one of ours can match nothing, so it reads as -1.</summary>
    public static long? ExpectedRevision(this HttpRequest request)
    {
        var header = request.Headers.IfMatch.ToString();
        if (header is "" or "*")
        {
            return null;
        }

        return EntityTagHeaderValue.TryParse(header, out var tag)
            && long.TryParse(tag.Tag.AsSpan().Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var revision) ? revision : -1;
    }

    /// <summary>
    /// The name in the last segment of the path, from the request line as sent: routing keeps an encoded slash encoded, and
    /// then <c>%2F</c> and <c>%252F</c> would be one name.
    /// </summary>
    public static string LastName(this HttpContext context) => Uri.UnescapeDataString(RawPath(context)[(RawPath(context).LastIndexOf('/') + 1)..]);

    /// <summary>The name behind <paramref name="prefix"/>, slashes included, encoded or not.</summary>
    public static string NameBehind(this HttpContext context, string prefix)
    {
        var path = RawPath(context);
        var at = path.IndexOf(prefix, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? "" : Uri.UnescapeDataString(path[(at + prefix.Length)..]);
    }

    private static string RawPath(HttpContext context)
    {
        var target = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? target : target[..query];
    }

    private sealed record Answer(int Status, object Body, long? Revision, string? Location) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = Status;
            if (Revision is { } revision)
            {
                httpContext.Response.Headers.ETag = $"\"{revision}\"";
            }

            if (Location is not null)
            {
                httpContext.Response.Headers.Location = Location;
            }

            return httpContext.Response.WriteAsJsonAsync(Body, Body.GetType(), httpContext.RequestAborted);
        }
    }
}
