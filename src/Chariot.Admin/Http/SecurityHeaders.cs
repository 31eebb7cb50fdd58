using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Http;

/// <summary>Headers on every answer of the admin host.</summary>
internal static class SecurityHeaders
{
    // No script, style or frame from elsewhere, and none inline.
    private const string ContentSecurityPolicy =
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; connect-src 'self'";

    public static void Set(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        if (IsApi(context.Request.Path))
        {
            headers.CacheControl = "no-store";
        }
    }

    private static bool IsApi(PathString path) =>
        path.StartsWithSegments("/api") || path.StartsWithSegments("/login") || path.StartsWithSegments("/metrics")
        || path.StartsWithSegments("/healthz") || path.StartsWithSegments("/readyz");
}
