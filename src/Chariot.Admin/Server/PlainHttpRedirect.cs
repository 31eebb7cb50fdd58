using Chariot.Admin.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;

namespace Chariot.Admin.Server;

/// <summary>
/// Sends plain HTTP to HTTPS when the settings ask for it (307: method and body stay). Health probes are answered where they
/// arrive.
/// </summary>
internal sealed class PlainHttpRedirect(RequestDelegate next, AdminServer server)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.IsHttps || server.PlainHttp == PlainHttp.Open || IsHealth(context.Request.Path))
        {
            return next(context);
        }

        if (server.HttpsEndPoint is not { } https || server.PlainHttp == PlainHttp.Off)
        {
            return Problem.WriteAsync(context, new Refusal(403, "https-required", "Use HTTPS; plain HTTP is switched off."));
        }

        var host = new HostString(context.Request.Host.Host, https.Port);
        context.Response.Headers.Location = UriHelper.BuildAbsolute("https", host, context.Request.PathBase, context.Request.Path, context.Request.QueryString);
        context.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
        return Task.CompletedTask;
    }

    private static bool IsHealth(PathString path) => path == "/healthz" || path == "/readyz" || path == "/metrics";
}
