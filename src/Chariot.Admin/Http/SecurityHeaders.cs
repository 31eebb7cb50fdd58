using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Http;

/// <summary>Headers on every answer of the admin host.</summary>
internal static class SecurityHeaders
{
    // No script, style or frame from elsewhere, and none inline.
    private const string ContentSecurityPolicy =
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; connect-src 'self'";

    // Pages: scripts as strict as above. MudBlazor writes its theme as a style element and places popovers with style attributes, and
    // Blazor needs its base element to address the page.
    private const string PagePolicy =
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
        + "frame-ancestors 'none'; form-action 'self'; connect-src 'self'";

    public static void Set(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        var isApi = IsApi(context.Request);
        headers.ContentSecurityPolicy = isApi ? ContentSecurityPolicy : PagePolicy;
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        if (isApi)
        {
            headers.CacheControl = "no-store";
        }
    }

    // GET /login is the page, POST /login the API's.
    private static bool IsApi(HttpRequest request) =>
        request.Path.StartsWithSegments("/api") || (request.Path.StartsWithSegments("/login") && HttpMethods.IsPost(request.Method))
        || request.Path.StartsWithSegments("/metrics") || request.Path.StartsWithSegments("/healthz") || request.Path.StartsWithSegments("/readyz")
        || request.Path.StartsWithSegments("/openapi");
}
