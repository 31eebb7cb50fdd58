using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Http;
using Chariot.Ui.Layout;
using Chariot.Ui.Sessions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor.Services;

namespace Chariot.Ui;

/// <summary>The web UI: Blazor pages in the admin host, over the services of the admin API.</summary>
public static class UiHost
{
    /// <summary>Adds the pages' services. Call it after AddChariotAdmin.</summary>
    public static WebApplicationBuilder AddChariotUi(this WebApplicationBuilder builder)
    {
        // Finds the assets of a build; a published folder has them in wwwroot.
        builder.WebHost.UseStaticWebAssets();
        var services = builder.Services;
        services.AddRazorComponents().AddInteractiveServerComponents(circuit =>
        {
            circuit.DisconnectedCircuitRetentionPeriod = TimeSpan.FromMinutes(3);
            circuit.DisconnectedCircuitMaxRetained = 100;
            circuit.DetailedErrors = false;
        });
        services.AddMudServices();
        services.AddCascadingAuthenticationState();
        services.AddScoped<AuthenticationStateProvider, SessionWatch>();
        services.AddScoped<CurrentUser>();
        services.AddScoped<Addresses>();
        services.AddScoped<ClientCommand>();
        services.AddSingleton<ConfigurationNews>();
        services.AddSingleton<IConfigurationConsumer>(provider => provider.GetRequiredService<ConfigurationNews>());
        services.UseSealedDataProtection();
        services.KeepCircuitsOutOfTheLog();
        return builder;
    }

    /// <summary>Maps pages, assets and the forms of sign-in. Call it after MapChariotAdmin.</summary>
    public static WebApplication MapChariotUi(this WebApplication app)
    {
        app.Use(next => context => UnknownAddresses.AnswerAsync(context, next));
        app.MapStaticAssets().WithMetadata(new AllowedBeforePasswordChange());
        app.MapSessions();
        app.MapRazorComponents<App>()
            .AddInteractiveServerRenderMode(options =>
            {
                // Both are said by SecurityHeaders; compression beside secrets in one stream is how CRIME began.
                options.ContentSecurityFrameAncestorsPolicy = null;
                options.DisableWebSocketCompression = true;
            })
            .Add(builder =>
            {
                var path = (builder as RouteEndpointBuilder)?.RoutePattern.RawText ?? "";
                if (path.StartsWith("/_blazor", StringComparison.Ordinal))
                {
                    builder.Metadata.Add(new AuthorizeAttribute(Roles.Read));
                    return;
                }

                builder.Metadata.Add(new BrowserPage());
                if (path is BrowserPage.SignInPath or BrowserPage.PasswordPath)
                {
                    builder.Metadata.Add(new AllowedBeforePasswordChange());
                }
            });
        return app;
    }
}
