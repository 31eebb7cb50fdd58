using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Accounts;

/// <summary>
/// The sign-in of a browser: the same opaque token that <c>POST /login</c> answers with, in a cookie that no script can read.
/// It means something to the accounts grain only, so any admin host serves any browser, and a revoked sign-in ends everywhere.
/// </summary>
internal static class SessionCookie
{
    // A browser drops a __Host- cookie that is not Secure, names a domain or another path (RFC 6265bis section 4.1.3.2). Cookies do
    // not know ports: under one name, the Secure one would keep plain HTTP from setting its own after SSL is deleted.
    private const string SecureName = "__Host-chariot-session";
    private const string PlainName = "chariot-session";

    public static string? TokenOf(HttpRequest request) => request.Cookies[NameFor(request)];

    public static void Set(HttpContext context, string token, TimeSpan lifetime) =>
        context.Response.Cookies.Append(NameFor(context.Request), token, Options(context.Request, lifetime));

    public static void Clear(HttpContext context) => context.Response.Cookies.Delete(NameFor(context.Request), Options(context.Request, lifetime: null));

    private static string NameFor(HttpRequest request) => request.IsHttps ? SecureName : PlainName;

    private static CookieOptions Options(HttpRequest request, TimeSpan? lifetime) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = request.IsHttps,
        Path = "/",
        MaxAge = lifetime,
        IsEssential = true,
    };
}
