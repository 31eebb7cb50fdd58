using Chariot.Admin;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Ui.Sessions;

/// <summary>
/// The forms of a browser's session. Plain posts, so that no password travels a circuit; each answers with a redirect, so that a
/// reload repeats nothing.
/// </summary>
internal static class SessionEndpoints
{
    public static void MapSessions(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/session", SignInAsync).AllowAnonymous().WithMetadata(new AllowedBeforePasswordChange()).ExcludeFromDescription();
        routes.MapPost("/session/end", EndAsync).RequireAuthorization(Roles.Read).WithMetadata(new AllowedBeforePasswordChange(), new BrowserPage()).ExcludeFromDescription();
        routes.MapPost("/session/password", ChangePasswordAsync).RequireAuthorization(Roles.Read).WithMetadata(new AllowedBeforePasswordChange(), new BrowserPage()).ExcludeFromDescription();
    }

    private static async Task<IResult> SignInAsync(HttpContext context, SignIn signIn, IAntiforgery antiforgery)
    {
        var form = await ReadAsync(context);
        var target = LocalTarget(form?["to"].ToString());
        if (form is null || !await antiforgery.IsRequestValidAsync(context))
        {
            return BackTo(BrowserPage.SignInPath, "stale", null, target);
        }

        var act = await signIn.SignInAsync(form["username"].ToString(), form["password"].ToString(), context.Connection.RemoteIpAddress);
        if (act.Refusal is { } refusal)
        {
            return BackTo(BrowserPage.SignInPath, refusal.Code, refusal.RetryAfter, target);
        }

        SessionCookie.Set(context, act.Value.Token, act.Value.Lifetime);
        return SeeOther(act.Value.Account.MustChangePassword ? BrowserPage.PasswordPath : target);
    }

    private static async Task<IResult> EndAsync(HttpContext context, SignIn signIn)
    {
        if (SessionCookie.TokenOf(context.Request) is { } token)
        {
            await signIn.SignOutAsync(token, context.Actor());
        }

        SessionCookie.Clear(context);
        return SeeOther(BrowserPage.SignInPath);
    }

    private static async Task<IResult> ChangePasswordAsync(HttpContext context, SignIn signIn)
    {
        // The antiforgery token has been checked by then: the call is signed in by cookie.
        if (await ReadAsync(context) is not { } form)
        {
            return BackTo(BrowserPage.PasswordPath, "stale", null, "/");
        }

        if (form["newPassword"] != form["repeatedPassword"])
        {
            return BackTo(BrowserPage.PasswordPath, "password.repeated", null, "/");
        }

        var act = await signIn.ChangePasswordAsync(
            context.User.Identity!.Name!,
            form["currentPassword"].ToString(),
            form["newPassword"].ToString(),
            SessionCookie.TokenOf(context.Request),
            context.Connection.RemoteIpAddress,
            context.Actor());
        return act.Refusal is { } refusal
            ? BackTo(BrowserPage.PasswordPath, refusal.Findings.IsEmpty ? refusal.Code : refusal.Findings[0].Code, refusal.RetryAfter, "/")
            : SeeOther("/");
    }

    private static async Task<IFormCollection?> ReadAsync(HttpContext context) =>
        context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : null;

    /// <summary>Only paths of this address: a link from elsewhere must not lead on to elsewhere.</summary>
    private static string LocalTarget(string? target) =>
        target is ['/', ..] && !target.StartsWith("//", StringComparison.Ordinal) && !target.Contains('\\', StringComparison.Ordinal) && !target.Any(char.IsControl) ? target : "/";

    private static Redirect BackTo(string page, string error, TimeSpan? wait, string target) => SeeOther(
        $"{page}?error={Uri.EscapeDataString(error)}"
        + (wait is { } time ? FormattableString.Invariant($"&wait={Math.Ceiling(time.TotalSeconds)}") : "")
        + (target == "/" ? "" : "&to=" + Uri.EscapeDataString(target)));

    private static Redirect SeeOther(string path) => new Redirect(path);

    /// <summary>303: the browser follows with a GET, whatever it posted (RFC 9110 section 15.4.4).</summary>
    private sealed record Redirect(string Path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = Path;
            return Task.CompletedTask;
        }
    }
}
