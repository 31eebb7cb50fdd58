using Chariot.Admin.Accounts;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Http;

/// <summary>
/// A browser sends its cookie with whatever another page makes it send. So a changing call that is signed in by cookie needs the
/// antiforgery token, and a circuit is opened from this address only. Calls with a bearer token are not concerned: no page of
/// others has one.
/// </summary>
internal sealed class CrossSiteGate(RequestDelegate next, IAntiforgery antiforgery)
{
    /// <summary>Header that carries the token; the page has it in <c>meta[name=chariot-antiforgery]</c>.</summary>
    public const string HeaderName = "Chariot-Antiforgery";

    private const string CircuitPath = "/_blazor";

    private static readonly Refusal ForeignOrigin = new(403, "foreign-origin", "The request comes from a page of another address.");

    private static readonly Refusal NoToken = new(400, "antiforgery", "The page is out of date. Load it again and repeat the step.");

    public async Task InvokeAsync(HttpContext context)
    {
        if (IsCircuit(context) && !IsSameOrigin(context.Request))
        {
            await Problem.WriteAsync(context, ForeignOrigin);
        }
        else if (IsCookieChange(context) && !await HasTokenAsync(context))
        {
            await Problem.WriteAsync(context, NoToken);
        }
        else
        {
            await next(context);
        }
    }

    private static bool IsCircuit(HttpContext context) => context.Request.Path.StartsWithSegments(CircuitPath);

    // Blazor's own calls carry no antiforgery token; the origin is their check. What is open to all does not act with the cookie's
    // rights; the sign-in form checks its token itself, and says so in a page.
    private static bool IsCookieChange(HttpContext context) =>
        context.User.HasClaim(c => c.Type == BearerAuthenticationHandler.CookieClaim)
        && !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method) && !HttpMethods.IsOptions(context.Request.Method)
        && !IsCircuit(context)
        && context.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is null;

    // Without the header the token is looked for in the form, and reading an upload as a form would spill keys to temporary files.
    private async Task<bool> HasTokenAsync(HttpContext context) =>
        (context.Request.Headers.ContainsKey(HeaderName) || context.Request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) == true)
        && await antiforgery.IsRequestValidAsync(context);

    /// <summary>Browsers send Origin with every POST and every WebSocket handshake (RFC 6455 section 4.1); a GET of the same origin has none.</summary>
    private static bool IsSameOrigin(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        return origin.Length == 0
            ? HttpMethods.IsGet(request.Method) && !request.HttpContext.WebSockets.IsWebSocketRequest
            : Uri.TryCreate(origin, UriKind.Absolute, out var uri)
                && uri.Scheme == request.Scheme
                && string.Equals(uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);
    }
}
