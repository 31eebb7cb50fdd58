using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Chariot.Server.Hosting;

/// <summary>The web server of a process without the admin role: health and metrics on one plain port, or nothing at all.</summary>
internal static class HealthServer
{
    public static void Configure(WebApplicationBuilder builder, HealthOptions options)
    {
        if (!IPAddress.TryParse(options.BindAddress, out var address))
        {
            throw new OptionsValidationException("Chariot:Health", typeof(HealthOptions), [$"Chariot:Health:BindAddress is '{options.BindAddress}'; it must be an IP address."]);
        }

        builder.Services.AddRoutingCore();
        if (options.Port == 0)
        {
            builder.Services.Replace(ServiceDescriptor.Singleton<IServer, NoServer>());
            return;
        }

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(address, options.Port);
        });
    }

    private sealed class NoServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
