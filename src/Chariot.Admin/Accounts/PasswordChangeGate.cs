using Chariot.Admin.Http;
using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Accounts;

/// <summary>Marks an endpoint that an account may call before it has changed a one-time password.</summary>
internal sealed class AllowedBeforePasswordChange;

/// <summary>Refuses everything else to an account that has to change its password first.</summary>
internal sealed class PasswordChangeGate(RequestDelegate next)
{
    private static readonly Refusal Required = new(403, "password-change-required", "Change the password first: POST /api/v1/account/password.");

    public Task InvokeAsync(HttpContext context)
    {
        if (!context.User.HasClaim(c => c.Type == BearerAuthenticationHandler.MustChangeClaim)
            || context.GetEndpoint()?.Metadata.GetMetadata<AllowedBeforePasswordChange>() is not null)
        {
            return next(context);
        }

        if (BrowserPage.IsMeant(context))
        {
            context.Response.Redirect(BrowserPage.PasswordPath);
            return Task.CompletedTask;
        }

        return Problem.WriteAsync(context, Required);
    }
}
