using Chariot.Abstractions.Configuration;
using Chariot.Admin.Accounts;
using Chariot.Admin.Audit;
using Chariot.Admin.Backup;
using Chariot.Admin.ClientCertificates;
using Chariot.Admin.Clients;
using Chariot.Admin.Credentials;
using Chariot.Admin.Expiry;
using Chariot.Admin.Health;
using Chariot.Admin.Http;
using Chariot.Admin.Nodes;
using Chariot.Admin.Server;
using Chariot.Admin.Settings;
using Chariot.Admin.Ssl;
using Chariot.Admin.Ssl.Validation;
using Chariot.Admin.Topics;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Chariot.Admin;

/// <summary>The admin host: REST API and its web server, in the process that calls this.</summary>
public static class AdminHost
{
    /// <summary>
    /// Adds services, authentication and the web server (instead of the host's own Kestrel). The caller provides
    /// <see cref="IGrainFactory"/> and the contracts of Abstractions: <see cref="ISecretSealer"/>, IAuditLog, IGrainStateIndex,
    /// IEdgeLinks; optionally IEdgeNode for metrics and any number of IReadiness.
    /// </summary>
    public static IServiceCollection AddChariotAdmin(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<AdminOptions>().Bind(configuration.GetSection(AdminOptions.Section))
            .Configure(options => options.MqttBindAddress = configuration["Chariot:Mqtt:BindAddress"] ?? options.MqttBindAddress)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<AdminOptions>, AdminOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);

        services.AddSingleton<AnswersInFlight>();
        services.AddSingleton<AdminServer>();
        services.Replace(ServiceDescriptor.Singleton<IServer>(provider => provider.GetRequiredService<AdminServer>()));
        services.AddSingleton<IConfigurationConsumer>(provider => provider.GetRequiredService<AdminServer>());

        services.AddSingleton<AdminGrains>();
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<AuditSearch>();
        services.AddSingleton<Readiness>();
        services.AddSingleton<NodeDirectory>();
        services.AddSingleton<NodeHistory>();
        services.AddHostedService(provider => provider.GetRequiredService<NodeHistory>());
        services.AddSingleton<PasswordChecks>();
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<SignIn>();
        services.AddSingleton<AccountAdministration>();
        services.AddSingleton<FirstAdministrator>();
        services.AddSingleton<CredentialAdministration>();
        services.AddSingleton<AclExplain>();
        services.AddSingleton<SettingsAdministration>();
        services.AddSingleton<ICertificateBundleValidator, CertificateBundleValidator>();
        services.AddSingleton<SslSetup>();
        services.AddSingleton<ServerSideKey>();
        services.AddSingleton<AuthorityFile>();
        services.AddSingleton<RevocationListFile>();
        services.AddSingleton<ClientTrustAdministration>();
        services.AddSingleton<BackupExport>();
        services.AddSingleton<BackupRestore>();
        services.AddSingleton<SslConfirmation>();
        services.AddHostedService<ExpiryWatch>();
        services.AddSingleton<ClientDirectory>();
        services.AddSingleton<RetainedMessages>();

        services.AddAntiforgery(options =>
        {
            options.HeaderName = CrossSiteGate.HeaderName;
            options.Cookie.Name = "chariot-antiforgery";
            options.Cookie.SameSite = SameSiteMode.Strict;
            // Cookies do not know ports: a Secure one of HTTPS could not be renewed over HTTP once SSL is deleted. It is worth
            // nothing by itself; the tokens that go with it are bound to the sign-in.
            options.Cookie.SecurePolicy = CookieSecurePolicy.None;
            options.SuppressXFrameOptionsHeader = true;
        });
        services.UseSealedDataProtection();

        services.AddAuthentication(BearerAuthenticationHandler.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, BearerAuthenticationHandler>(BearerAuthenticationHandler.SchemeName, null);
        services.AddAuthorizationBuilder()
            .AddPolicy(Roles.Read, policy => policy.RequireRole(Roles.Administrator, Roles.Viewer))
            .AddPolicy(Roles.Change, policy => policy.RequireRole(Roles.Administrator));
        services.ConfigureHttpJsonOptions(AdminJson.Configure);
        // Bad bodies become problem details in one place.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddRequestLimit();
        services.AddOpenApi();
        return services;
    }

    /// <summary>Adds the middleware and the routes of the admin API.</summary>
    public static WebApplication MapChariotAdmin(this WebApplication app)
    {
        app.Use((context, next) =>
        {
            SecurityHeaders.Set(context);
            return next(context);
        });
        app.UseMiddleware<ProblemMiddleware>();
        app.UseMiddleware<HostGate>();
        app.UseMiddleware<PlainHttpRedirect>();
        app.UseRouting();
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseMiddleware<PasswordChangeGate>();
        app.UseMiddleware<CrossSiteGate>();
        app.UseAuthorization();
        app.UseAntiforgery();

        app.MapHealth();
        app.MapGroup("").RequireRateLimiting(RequestLimit.Policy).MapLogin();
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous().WithMetadata(new AllowedBeforePasswordChange()).RequireRateLimiting(RequestLimit.Policy);

        var api = app.MapGroup("/api/v1").RequireRateLimiting(RequestLimit.Policy);
        api.MapLogin();
        api.MapAccount();
        api.MapAccounts();
        api.MapTokens();
        api.MapSsl();
        api.MapClientCertificates();
        api.MapExpiry();
        api.MapSettings();
        api.MapCredentials();
        api.MapClients();
        api.MapRetained();
        api.MapNodes();
        api.MapAudit();
        api.MapBackup();
        return app;
    }

    /// <summary>Health and metrics alone, for a process without the admin role: <c>/healthz</c>, <c>/readyz</c>, <c>/metrics</c>.</summary>
    public static WebApplication MapChariotHealth(this WebApplication app)
    {
        app.MapOpenHealth();
        return app;
    }

    /// <summary>
    /// Makes the administrator <c>admin</c> if there is no account: with the password of <c>CHARIOT_ADMIN_PASSWORD</c>, or with
    /// a random one that is printed once to standard output. Call it when grains can be reached, before the process says that it
    /// is ready. Throws <see cref="InvalidOperationException"/> when the password given is too short: a configuration error.
    /// </summary>
    public static Task EnsureAdministratorAsync(this IServiceProvider services) => services.GetRequiredService<FirstAdministrator>()
        .EnsureAsync(Environment.GetEnvironmentVariable(FirstAdministrator.PasswordVariable), Console.Out);
}
