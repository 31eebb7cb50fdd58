using System.Security.Claims;
using Chariot.Admin;
using Chariot.Admin.Accounts;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.Extensions.Logging;

namespace Chariot.Ui.Sessions;

/// <summary>Ends a circuit's session within seconds of its sign-in: signed out, timed out, or the account was changed.</summary>
internal sealed partial class SessionWatch(AdminGrains grains, ILoggerFactory loggers) : RevalidatingServerAuthenticationStateProvider(loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger<SessionWatch>();

    protected override TimeSpan RevalidationInterval => TimeSpan.FromSeconds(2);

    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        var user = authenticationState.User;
        if (user.FindFirstValue(BearerAuthenticationHandler.SessionClaim) is not { } session)
        {
            return false;
        }

        try
        {
            return await grains.Accounts.AuthenticateAsync(Convert.FromHexString(session)) is { } identity && user.IsInRole(Roles.NameOf(identity.Role));
        }
        catch (Exception e)
        {
            // A cluster that does not answer is no reason to sign people out of the page that shows it. Changes ask again.
            LogNotAsked(e);
            return true;
        }
    }

    [LoggerMessage(4301, LogLevel.Warning, "Whether a session of the web UI goes on could not be asked. Check the cluster")]
    private partial void LogNotAsked(Exception exception);
}
