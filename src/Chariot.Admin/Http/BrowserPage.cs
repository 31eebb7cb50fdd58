using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Http;

/// <summary>Marks an endpoint that people see in a browser: a refusal there is a redirect, not a problem document.</summary>
internal sealed class BrowserPage
{
    public const string SignInPath = "/login";
    public const string PasswordPath = "/account/password";

    public static bool IsMeant(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<BrowserPage>() is not null;

    /// <summary>To the sign-in page, and from there back to where the browser wanted to go.</summary>
    public static void RedirectToSignIn(HttpContext context)
    {
        var target = context.Request.Path + context.Request.QueryString;
        context.Response.Redirect(target == "/" ? SignInPath : $"{SignInPath}?to={Uri.EscapeDataString(target)}");
    }
}
