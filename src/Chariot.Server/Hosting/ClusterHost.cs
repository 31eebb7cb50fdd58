using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Stores;
using Chariot.Cluster.Configuration;
using Chariot.Cluster.EdgeLinks;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Stores;
using Chariot.Grains;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Chariot.Server.Hosting;

/// <summary>A process of a cluster: a silo when it serves MQTT, otherwise an Orleans client that finds its gateways through the store.</summary>
internal static class ClusterHost
{
    private static readonly TimeSpan NamesakePatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LeaveTime = TimeSpan.FromSeconds(10);

    public static void Configure(WebApplicationBuilder builder, BrokerOptions options, IClusterStore store, MasterKey masterKey)
    {
        var identity = options.Cluster.Tls.IsOn ? NodeIdentity.Load(options.Cluster.Tls) : null;
        store.AddServices(builder.Services);
        builder.Services.AddSingleton(new ConfigurationLeaseOptions(Required: options.IsEdge));
        if (options.IsEdge)
        {
            builder.Services.Replace(ServiceDescriptor.Singleton(new MessageIds(TimeProvider.System, store.ProcessStart)));
            var address = Resolve(options.Cluster.AdvertisedAddress);
            builder.Host.UseOrleans(silo =>
            {
                ConfigureSilo(silo, options, store, masterKey, address);
                if (identity is not null)
                {
                    ClusterTls.Use(silo, identity);
                }
            });
            return;
        }

        builder.Host.UseOrleansClient(client =>
        {
            store.Use(client);
            client.Configure<Orleans.Configuration.ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster.Id, options.Cluster.Id));
            client.Configure<GatewayOptions>(gateways => gateways.GatewayListRefreshPeriod = TimeSpan.FromSeconds(5));
            client.UseConnectionRetryFilter<GatewayRetry>();
            if (identity is not null)
            {
                ClusterTls.Use(client, identity);
            }
        });
        // After the client: hosted services start in this order.
        builder.Services.AddChariotClient(options.NodeName, masterKey);
    }

    /// <summary>
    /// On a process that is no silo: what a change answers for is in force here too before the answer goes out. A process that
    /// cannot read it back follows by itself when it reaches a silo again.
    /// </summary>
    public static Task RefreshBeforeAnswerAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.OnStarting(async () =>
            {
                var services = context.RequestServices;
                try
                {
                    await services.GetRequiredService<IConfigurationStart>().RefreshAsync(CancellationToken.None);
                }
                catch (Exception error)
                {
                    services.GetRequiredService<ServerLog>().NotRefreshed(error);
                }
            });
        }

        return next(context);
    }

    /// <summary>
    /// Before this node joins: looks for a silo of its name whose port is open. One at this node's own address is its past: it would
    /// hold the port.
    /// </summary>
    /// <exception cref="DuplicateNodeException">There is one.</exception>
    public static async Task RequireFreeNameAsync(IServiceProvider services, BrokerOptions options, ServerLog log)
    {
        var table = services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(tryInitTableVersion: true, CancellationToken.None);
        var endpoints = services.GetRequiredService<IOptions<EndpointOptions>>().Value;
        var own = new IPEndPoint(endpoints.AdvertisedIPAddress, endpoints.SiloPort);
        foreach (var (entry, _) in (await table.ReadAllAsync(CancellationToken.None)).Members)
        {
            if (entry.Status != SiloStatus.Active || entry.SiloName != options.NodeName || entry.SiloAddress.Endpoint.Equals(own))
            {
                continue;
            }

            using var socket = new TcpClient();
            using var patience = new CancellationTokenSource(ConnectPatience);
            try
            {
                await socket.ConnectAsync(entry.SiloAddress.Endpoint, patience.Token);
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException)
            {
                log.NamesakeSilent(options.NodeName);
                continue;
            }

            throw new DuplicateNodeException(options.NodeName, entry.SiloAddress.ToString());
        }
    }

    /// <summary>Ends a node that has joined and cannot go on.</summary>
    public static async Task LeaveAsync(WebApplication app, ServerLog log)
    {
        try
        {
            await app.StopAsync(LeaveTime);
        }
        catch (Exception error)
        {
            log.NotLeft(error);
        }
    }

    /// <summary>
    /// After it has joined, in case two of one name started at once: looks for an older silo of the same name that answers. One that does not answer is this node's own past, which
    /// membership has not noticed yet.
    /// </summary>
    /// <exception cref="DuplicateNodeException">There is one.</exception>
    public static async Task RequireOwnNameAsync(IServiceProvider services, string nodeName, ServerLog log)
    {
        var links = services.GetRequiredService<IEdgeLinks>();
        var members = services.GetRequiredService<IClusterMembershipService>().CurrentSnapshot.Members.Values;
        foreach (var member in members.Where(member => member.Status == SiloStatus.Active && member.Name == nodeName && member.SiloAddress.Generation < links.Local.Generation))
        {
            try
            {
                await links.Get(member.SiloAddress).DescribeAsync().WaitAsync(NamesakePatience);
            }
            catch (Exception error) when (error is TimeoutException or OrleansException)
            {
                log.NamesakeSilent(nodeName);
                continue;
            }

            throw new DuplicateNodeException(nodeName, member.SiloAddress.ToString());
        }
    }

    private static void ConfigureSilo(ISiloBuilder silo, BrokerOptions options, IClusterStore store, MasterKey masterKey, IPAddress address)
    {
        store.Use(silo);
        silo.Configure<Orleans.Configuration.ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster.Id, options.Cluster.Id));
        silo.Configure<SiloOptions>(name => name.SiloName = options.NodeName);
        // Loopback stays on loopback. Elsewhere the advertised address may be one that only the network translates.
        silo.ConfigureEndpoints(address, options.Cluster.SiloPort ?? ClusterOptions.DefaultSiloPort, options.Cluster.GatewayPort, listenOnAnyHostAddress: !IPAddress.IsLoopback(address));
        silo.Configure<ClusterMembershipOptions>(membership => DetectFailures(membership, options.Cluster.FailureDetection == "fast"));
        // A silo counts as gone for good after about 4.5 s of missed probes; the directory must not hold its grains much longer.
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = TimeSpan.FromSeconds(5));
#pragma warning disable ORLEANSEXP003 // Still marked experimental; the default directory allows two activations of one session.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        silo.AddChariotGrains();
        silo.AddChariotCluster(options.NodeName, masterKey);
        silo.Services.Replace(ServiceDescriptor.Singleton<IFatalErrorHandler, SiloEnd>());
    }

    /// <summary>By default a hung silo is noticed after a minute (docs/adr/0012).</summary>
    private static void DetectFailures(ClusterMembershipOptions options, bool fast)
    {
        var unit = TimeSpan.FromSeconds(fast ? 1 : 2);
        options.ProbeTimeout = unit;
        options.MinProbeTimeout = unit * (fast ? 0.75 : 0.5);
        options.MaxProbeTimeout = unit * 1.5;
        options.NumMissedProbesLimit = 3;
        options.NumVotesForDeathDeclaration = 2;
        options.NumProbedSilos = 10;
        // How long an evicted silo behind a partition may not know that it is dead.
        options.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(10);
    }

    private static IPAddress Resolve(string? advertised)
    {
        if (string.IsNullOrWhiteSpace(advertised))
        {
            return NetworkInterface.GetAllNetworkInterfaces()
                .Where(network => network.OperationalStatus == OperationalStatus.Up && network.NetworkInterfaceType != NetworkInterfaceType.Loopback)
                .SelectMany(network => network.GetIPProperties().UnicastAddresses)
                .Select(unicast => unicast.Address)
                .Where(address => address.AddressFamily == AddressFamily.InterNetwork)
                .FirstOrDefault(IPAddress.Loopback);
        }

        try
        {
            return IPAddress.TryParse(advertised, out var address)
                ? address
                : Dns.GetHostAddresses(advertised).OrderBy(found => found.AddressFamily).First();
        }
        catch (Exception error) when (error is SocketException or InvalidOperationException or ArgumentException)
        {
            throw new OptionsValidationException("Chariot:Cluster", typeof(ClusterOptions), [$"Chariot:Cluster:AdvertisedAddress '{advertised}' is no address and no name that resolves: {error.Message}"]);
        }
    }

    /// <summary>An admin-only node may start before the silos.</summary>
    private sealed class GatewayRetry(ServerLog log) : IClientConnectionRetryFilter
    {
        private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

        public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
        {
            log.NoGateway(exception.Message);
            await Task.Delay(Pause, cancellationToken);
            return true;
        }
    }
}
