using System.Net;
using System.Security.Claims;
using Chariot.Abstractions.Accounts;
using Chariot.Admin;
using Chariot.Admin.Accounts;
using Chariot.Admin.Audit;
using Chariot.Admin.Http;
using Chariot.Admin.Ssl;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.Extensions.Logging;

namespace Chariot.Ui.Sessions;

/// <summary>
/// The person at the other end of a circuit. Pages read and change through it: it knows who acts, asks anew whether they still
/// may, and turns what is thrown into a refusal, as the REST API does at its door.
/// </summary>
internal sealed partial class CurrentUser(AuthenticationStateProvider authentication, AdminGrains grains, ILogger<CurrentUser> logger)
{
    private static readonly Refusal SessionEnded = new(401, "not-signed-in", "Your session has ended. Sign in again.");

    private ClaimsPrincipal _principal = new();

    public string Name => _principal.Identity?.Name ?? "";

    /// <summary>Whether to offer changes: an administrator, not a viewer.</summary>
    public bool CanChange => _principal.IsInRole(Roles.Administrator);

    public bool IsHttps => _principal.HasClaim(c => c.Type == BearerAuthenticationHandler.HttpsClaim);

    /// <summary>Whether what this browser uploads can be read on the way.</summary>
    public bool IsExposed => SslUpload.IsExposed(IsHttps, IPAddress.TryParse(Address, out var address) ? address : null);

    private string Address => _principal.FindFirstValue(BearerAuthenticationHandler.AddressClaim) ?? "";

    private Actor Actor => new(Name, Address);

    /// <summary>Called by the layout before any page is shown.</summary>
    public async Task LoadAsync() => _principal = (await authentication.GetAuthenticationStateAsync()).User;

    public async Task<Act<T>> ReadAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return Act<T>.Done(await read());
        }
        catch (Exception e)
        {
            LogFailed(e);
            return Problem.ForException(e);
        }
    }

    /// <summary>Runs a change if the session is still an administrator's. The page's own idea of the role may be seconds old.</summary>
    public async Task<Act<T>> ChangeAsync<T>(Func<Actor, Task<Act<T>>> change)
    {
        try
        {
            var session = _principal.FindFirstValue(BearerAuthenticationHandler.SessionClaim);
            if (session is null || await grains.Accounts.AuthenticateAsync(Convert.FromHexString(session)) is not { } identity)
            {
                return SessionEnded;
            }

            return identity is { Role: AccountRole.Administrator, MustChangePassword: false } ? await change(Actor) : Problem.ForStatus(403);
        }
        catch (Exception e)
        {
            LogFailed(e);
            return Problem.ForException(e);
        }
    }

    [LoggerMessage(4300, LogLevel.Error, "An act in the web UI failed; the page says so")]
    private partial void LogFailed(Exception exception);
}
