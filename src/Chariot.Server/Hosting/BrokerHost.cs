using System.Net;
using System.Net.Sockets;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Admin;
using Chariot.Cluster.Configuration;
using Chariot.Cluster.EdgeLinks;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Stores;
using Chariot.Edge;
using Chariot.Grains;
using Chariot.Ui;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace Chariot.Server.Hosting;

/// <summary>
/// <c>chariot serve</c>: one process with the roles of its configuration. Start-up order: 1. options, 2. ports, 3. silo and
/// admin host, 4. the configuration in force, 5. durable sessions and retained messages, 6. listeners, 7. "Ready".
/// </summary>
internal static class BrokerHost
{
    public const int Success = 0;
    public const int Fatal = 1;
    public const int ConfigurationError = 2;

    /// <summary>The other silos have declared this one dead: it has to be started again.</summary>
    public const int DeclaredDead = 3;

    /// <summary>A drain takes up to 20 s, and the silo hands its grains over after that.</summary>
    public static readonly TimeSpan StopTime = TimeSpan.FromSeconds(60);

    public static async Task<int> RunAsync(string[] args)
    {
        var notHardened = ProcessHardening.Apply();
        WebApplication app;
        try
        {
            app = await BuildAsync(args);
        }
        catch (Exception error) when (error is OptionsValidationException or MasterKeyException or StoreUnavailableException or FormatException or InvalidDataException)
        {
            // What supervises the process starts it again after 1, and not after 2.
            var code = Refuse(error.Message);
            return error is StoreUnavailableException { IsUnreachable: true } ? Fatal : code;
        }

        await using (app)
        {
            var log = new ServerLog(app.Services.GetRequiredService<ILogger<ServerLog>>());
            foreach (var step in notHardened)
            {
                log.NotHardened(step);
            }

            try
            {
                await StartAsync(app, log);
            }
            catch (Exception error) when (ConfigurationMessage(error) is { } message)
            {
                return Refuse(message);
            }
            catch (Exception error)
            {
                log.StartFailed(error);
                return Fatal;
            }

            await app.WaitForShutdownAsync();
            return Success;
        }
    }

    private static async Task<WebApplication> BuildAsync(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        ConfigureConsole(builder.Logging);
        var options = builder.Configuration.GetSection(BrokerOptions.Section).Get<BrokerOptions>() ?? new BrokerOptions();
        var errors = options.Validate();
        if (errors.Count > 0)
        {
            throw new OptionsValidationException(BrokerOptions.Section, typeof(BrokerOptions), errors);
        }

        var dataDirectory = Path.GetFullPath(options.DataDirectory, Environment.CurrentDirectory);
        var masterKey = MasterKey.Open(options.MasterKeyFile ?? Path.Combine(dataDirectory, "master.key"), createWhenMissing: !options.IsClustered);
        var services = builder.Services;
        services.AddOptions<BrokerOptions>().Bind(builder.Configuration.GetSection(BrokerOptions.Section));
        services.Configure<HostOptions>(host => host.ShutdownTimeout = StopTime);
        builder.AddTelemetryExport(options);
        services.AddSingleton(new SslRecordOptions(dataDirectory, IsOnlyNode: !options.IsClustered));
        services.AddSingleton<ServerLog>();
        services.AddHostedService<StopDeadline>();
        services.AddSingleton<StartProgress>();
        services.AddSingleton<IReadiness>(provider => provider.GetRequiredService<StartProgress>());
        if (options.IsEdge)
        {
            services.AddOptions<EdgeOptions>().Bind(builder.Configuration.GetSection("Chariot:Mqtt")).Configure(edge => (edge.NodeName, edge.SharesStore) = (options.NodeName, options.IsClustered));
            services.AddMqttEdge();
            services.AddHostedService<EdgeShutdown>();
        }

        if (options.IsAdmin)
        {
            services.AddChariotAdmin(builder.Configuration);
            builder.AddChariotUi();
        }
        else
        {
            HealthServer.Configure(builder, options.Health);
        }

        if (options.IsClustered)
        {
            using var loggers = LoggerFactory.Create(logging =>
            {
                logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
                ConfigureConsole(logging);
            });
            var store = await ClusterStores.OpenAsync(options.Store.Provider, options.Store.ConnectionString!, options.Cluster.Id, loggers);
            ClusterHost.Configure(builder, options, store, masterKey);
        }
        else
        {
            services.AddSqliteStore(dataDirectory);
            builder.Host.UseOrleans(silo =>
            {
                // One node: membership lives in this process, and nobody else is to reach its silo.
                var siloPort = options.Cluster.SiloPort ?? FreePort();
                silo.UseLocalhostClustering(siloPort, gatewayPort: 0, serviceId: options.Cluster.Id, clusterId: options.Cluster.Id);
                silo.Configure<EndpointOptions>(endpoint => endpoint.AdvertisedIPAddress = IPAddress.Loopback);
                silo.Configure<SiloOptions>(name => name.SiloName = options.NodeName);
                silo.AddChariotGrains();
                silo.AddChariotCluster(options.NodeName, masterKey);
            });
        }

        var app = builder.Build();
        if (!options.IsAdmin)
        {
            return app.MapChariotHealth();
        }

        if (!options.IsEdge)
        {
            app.Use(ClusterHost.RefreshBeforeAnswerAsync);
        }

        return app.MapChariotAdmin().MapChariotUi();
    }

    private static async Task StartAsync(WebApplication app, ServerLog log)
    {
        var services = app.Services;
        var options = services.GetRequiredService<IOptions<BrokerOptions>>().Value;
        services.GetService<IEdgeStart>()?.Bind();
        var isSiloOfMany = options.IsClustered && options.IsEdge;
        if (isSiloOfMany)
        {
            await ClusterHost.RequireFreeNameAsync(services, options, log);
        }

        await app.StartAsync();
        try
        {
            if (isSiloOfMany)
            {
                await ClusterHost.RequireOwnNameAsync(services, options.NodeName, log);
            }

            await OpenAsync(app, options, log);
        }
        catch when (isSiloOfMany)
        {
            // A silo that just went away would hold up the others until they notice.
            await ClusterHost.LeaveAsync(app, log);
            throw;
        }
    }

    private static async Task OpenAsync(WebApplication app, BrokerOptions options, ServerLog log)
    {
        var services = app.Services;
        var configuration = services.GetRequiredService<IGrainFactory>().GetGrain<IConfigurationGrain>(IConfigurationGrain.Key);
        if (!await configuration.InitializeAsync(new MqttSettings { AllowAnonymous = options.Bootstrap.AllowAnonymous }) && options.Bootstrap.AllowAnonymous)
        {
            log.BootstrapIgnored();
        }

        var applied = await services.GetRequiredService<IConfigurationStart>().StartAsync(app.Lifetime.ApplicationStopping);
        if (applied.Error is { } notApplied)
        {
            log.NotApplied(notApplied);
        }

        try
        {
            if (options.IsAdmin)
            {
                await services.EnsureAdministratorAsync();
            }
        }
        catch (InvalidOperationException error)
        {
            // CHARIOT_ADMIN_PASSWORD is too short.
            throw new OptionsValidationException("CHARIOT_ADMIN_PASSWORD", typeof(BrokerOptions), [error.Message]);
        }

        if (options.IsEdge)
        {
            await services.GetRequiredService<IEdgeStart>().OpenAsync(app.Lifetime.ApplicationStopping);
            services.GetRequiredService<StartProgress>().Ready();
            log.Ready(options.NodeName);
        }
        else
        {
            services.GetRequiredService<StartProgress>().Ready();
            log.ReadyToAdminister(options.NodeName);
        }
    }

    private static void ConfigureConsole(ILoggingBuilder logging) => logging.AddSimpleConsole(console =>
    {
        console.SingleLine = true;
        console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        console.UseUtcTimestamp = true;
    });

    /// <summary>A sentence for what an operator can mend in the configuration; null for everything else.</summary>
    private static string? ConfigurationMessage(Exception error) => error switch
    {
        OptionsValidationException or MasterKeyException or StoreUnavailableException or EdgePortException or DuplicateNodeException => error.Message,
        IOException { InnerException: SocketException or Microsoft.AspNetCore.Connections.AddressInUseException } port => port.Message,
        _ => error.InnerException is { } inner ? ConfigurationMessage(inner) : null,
    };

    private static int Refuse(string message)
    {
        Console.Error.WriteLine($"chariot: {message}");
        return ConfigurationError;
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
