using System.Security.Claims;
using System.Text.Encodings.Web;
using Chariot.Abstractions.Accounts;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Accounts;

/// <summary>
/// Authenticates bearer tokens, and the same tokens in a browser's session cookie. Each request asks the accounts grain, whose read costs microseconds: a revoked token, a changed
/// role or password acts at once, and there is no cache to be stale.
/// </summary>
internal sealed partial class BearerAuthenticationHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory loggers,
    UrlEncoder encoder,
    AdminGrains grains) : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "bearer";

    /// <summary>Claim of the id of an API token; absent for a sign-in.</summary>
    public const string TokenIdClaim = "chariot:token";

    /// <summary>Claim of an account that has to change its password first.</summary>
    public const string MustChangeClaim = "chariot:must-change-password";

    /// <summary>Claim of a sign-in: its token's hash in hex, by which it can be asked for again.</summary>
    public const string SessionClaim = ClaimTypes.NameIdentifier;

    /// <summary>Claim of a sign-in that came in a cookie.</summary>
    public const string CookieClaim = "chariot:cookie";

    /// <summary>Claim of the remote address, for what outlives the request.</summary>
    public const string AddressClaim = "chariot:address";

    /// <summary>Claim of a request that came over HTTPS.</summary>
    public const string HttpsClaim = "chariot:https";

    /// <summary>One write per API token in this time at most.</summary>
    private static readonly TimeSpan TouchEvery = TimeSpan.FromMinutes(5);

    public static string? TokenOf(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim() : null;
    }

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var inCookie = Request.Headers.Authorization.Count == 0;
        if ((inCookie ? SessionCookie.TokenOf(Request) : TokenOf(Request)) is not { } token)
        {
            return AuthenticateResult.NoResult();
        }

        if (!Accounts.Tokens.LooksLikeOne(token) || await grains.Accounts.AuthenticateAsync(Accounts.Tokens.Hash(token)) is not { } identity)
        {
            return AuthenticateResult.Fail("unknown token");
        }

        if (identity.TokenId is not null && !(identity.LastUsedAt > TimeProvider.GetUtcNow() - TouchEvery))
        {
            await TouchAsync(identity.TokenId);
        }

        var claims = new List<Claim>
        {
            new(ClaimTypes.Name, identity.Name),
            new(ClaimTypes.Role, Roles.NameOf(identity.Role)),
        };
        if (identity.TokenId is not null)
        {
            claims.Add(new Claim(TokenIdClaim, identity.TokenId));
        }

        if (identity.MustChangePassword)
        {
            claims.Add(new Claim(MustChangeClaim, ""));
        }

        claims.Add(new Claim(SessionClaim, Convert.ToHexString(Accounts.Tokens.Hash(token))));
        claims.Add(new Claim(AddressClaim, Context.Connection.RemoteIpAddress?.ToString() ?? ""));
        if (inCookie)
        {
            claims.Add(new Claim(CookieClaim, ""));
        }

        if (Request.IsHttps)
        {
            claims.Add(new Claim(HttpsClaim, ""));
        }

        var principal = new ClaimsPrincipal(new ClaimsIdentity(claims, SchemeName, ClaimTypes.Name, ClaimTypes.Role));
        return AuthenticateResult.Success(new AuthenticationTicket(principal, SchemeName));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (BrowserPage.IsMeant(Context))
        {
            BrowserPage.RedirectToSignIn(Context);
            return Task.CompletedTask;
        }

        Response.Headers.WWWAuthenticate = "Bearer";
        return Problem.WriteAsync(Context, Problem.ForStatus(401));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => Problem.WriteAsync(Context, Problem.ForStatus(403));

    private async Task TouchAsync(string tokenId)
    {
        try
        {
            await grains.Accounts.TouchTokenAsync(tokenId);
        }
        catch (Exception e)
        {
            // "Last used" is a courtesy; the caller's request does not depend on it.
            LogNotTouched(Logger, e, tokenId);
        }
    }

    [LoggerMessage(4020, LogLevel.Warning, "The last use of API token {TokenId} could not be stored. Check the store")]
    private static partial void LogNotTouched(ILogger logger, Exception exception, string tokenId);
}

/// <summary>Roles by their names in JSON and claims, and the policies that ask for them.</summary>
internal static class Roles
{
    /// <summary>Policy: may read.</summary>
    public const string Read = "read";

    /// <summary>Policy: may change.</summary>
    public const string Change = "change";

    public const string Administrator = "administrator";
    public const string Viewer = "viewer";

    public static string NameOf(AccountRole role) => role switch
    {
        AccountRole.Administrator => Administrator,
        AccountRole.Viewer => Viewer,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "Unknown role."),
    };
}
