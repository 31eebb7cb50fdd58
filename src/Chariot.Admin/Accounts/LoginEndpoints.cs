using System.Buffers.Text;
using System.Text;
using Chariot.Admin.Audit;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Chariot.Admin.Accounts;

internal static class LoginEndpoints
{
    public static void MapLogin(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/login", LoginAsync).AllowAnonymous().WithMetadata(new AllowedBeforePasswordChange())
            .Accepts<LoginRequest>(isOptional: true, "application/json").Produces<LoginAnswer>();
    }

    public static void MapAccount(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/logout", LogoutAsync).RequireAuthorization(Roles.Read).WithMetadata(new AllowedBeforePasswordChange());
        routes.MapPost("/account/password", ChangePasswordAsync).RequireAuthorization(Roles.Read).WithMetadata(new AllowedBeforePasswordChange());
    }

    private static async Task<IResult> LoginAsync(HttpContext context, SignIn signIn)
    {
        var (username, password) = ReadBasic(context.Request) ?? await ReadJsonAsync(context.Request);
        var act = await signIn.SignInAsync(username, password, context.Connection.RemoteIpAddress);
        return Answers.Ok(act, s => new LoginAnswer(s.Token, "Bearer", (int)s.Lifetime.TotalSeconds, s.Account.MustChangePassword));
    }

    private static async Task<IResult> LogoutAsync(HttpContext context, SignIn signIn)
    {
        if (BearerAuthenticationHandler.TokenOf(context.Request) is { } token)
        {
            await signIn.SignOutAsync(token, context.Actor());
        }

        return Results.NoContent();
    }

    private static async Task<IResult> ChangePasswordAsync(PasswordChange change, HttpContext context, SignIn signIn)
    {
        if (context.User.HasClaim(c => c.Type == BearerAuthenticationHandler.TokenIdClaim))
        {
            return new Problem(new Refusal(403, "forbidden", "An API token has no password. Sign in with the account."));
        }

        var act = await signIn.ChangePasswordAsync(
            context.User.Identity!.Name!,
            change.CurrentPassword,
            change.NewPassword,
            BearerAuthenticationHandler.TokenOf(context.Request),
            context.Connection.RemoteIpAddress,
            context.Actor());
        return Answers.NoContent(act);
    }

    /// <summary>RFC 7617. Credentials that cannot be decoded are wrong credentials.</summary>
    private static (string Username, string Password)? ReadBasic(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var encoded = header.AsSpan("Basic ".Length).Trim();
        if (!Base64.IsValid(encoded))
        {
            return ("", "");
        }

        var pair = Encoding.UTF8.GetString(Convert.FromBase64String(encoded.ToString()));
        var colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (pair, "") : (pair[..colon], pair[(colon + 1)..]);
    }

    private static async Task<(string Username, string Password)> ReadJsonAsync(HttpRequest request)
    {
        if (request.ContentType is null && request.ContentLength is null or 0)
        {
            // Nothing was presented: not signed in, rather than badly formed.
            return ("", "");
        }

        if (!request.HasJsonContentType())
        {
            throw new BadHttpRequestException("no JSON", StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            var login = await request.ReadFromJsonAsync<LoginRequest>(request.HttpContext.RequestAborted);
            return login is null ? throw new BadHttpRequestException("no body") : (login.Username, login.Password);
        }
        catch (System.Text.Json.JsonException e)
        {
            throw new BadHttpRequestException("bad JSON", StatusCodes.Status400BadRequest, e);
        }
    }

    private sealed record LoginRequest(string Username, string Password)
    {
        public override string ToString() => $"login of {Username}";
    }

    private sealed record LoginAnswer(string AccessToken, string TokenType, int ExpiresIn, bool PasswordChangeRequired)
    {
        public override string ToString() => "login";
    }

    private sealed record PasswordChange(string CurrentPassword, string NewPassword)
    {
        public override string ToString() => "password change";
    }
}

internal static class ActorExtensions
{
    public static Actor Actor(this HttpContext context) =>
        new(context.User.Identity?.Name ?? "", context.Connection.RemoteIpAddress?.ToString() ?? "");
}
