using System.Collections.Immutable;
using System.Net;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Chariot.Cluster.EdgeLinks;

/// <summary>
/// The edges as an Orleans client reaches them, through <see cref="IEdgeGateway"/>. The list of live silos is read each second.
/// </summary>
internal sealed partial class ClientEdgeLinks(IGrainFactory grains, TimeProvider time, ILogger<ClientEdgeLinks> logger) : BackgroundService, IEdgeLinks
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private volatile StrongList _active = new([]);

    public ImmutableArray<SiloAddress> Active => _active.Silos;

    /// <summary>This process is no silo: an address that none has.</summary>
    public SiloAddress Local { get; } = SiloAddress.New(new IPEndPoint(IPAddress.None, 0), 0);

    public IEdgeLink Get(SiloAddress silo) => new Link(grains.GetGrain<IEdgeGateway>(0), silo);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        var failed = false;
        do
        {
            try
            {
                _active = new(await grains.GetGrain<IEdgeGateway>(0).GetActiveAsync().WaitAsync(stoppingToken));
                failed = false;
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                if (!failed)
                {
                    LogNoSilo(error);
                }

                failed = true;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(3304, LogLevel.Warning, "No silo answers which silos are alive; the last list is used. Check that edge nodes run and that this node reaches their gateway ports.")]
    private partial void LogNoSilo(Exception error);

    private sealed record StrongList(ImmutableArray<SiloAddress> Silos);

    private sealed class Link(IEdgeGateway gateway, SiloAddress silo) : IEdgeLink
    {
        public Task<NodeResult> ApplyAsync(ConfigurationUpdate update) => throw NotForClients();

        public Task<NodeResult> PrepareSslAsync(SslConfiguration candidate) => throw NotForClients();

        public Task AbandonSslAsync(string setupId) => throw NotForClients();

        public Task GiveUpAsync(string clientId, long newEpoch) => throw NotForClients();

        public Task<NodeDescription> DescribeAsync() => gateway.DescribeAsync(silo);

        public Task<ImmutableArray<ClientDescription>> GetClientsAsync(string? after, int limit) => gateway.GetClientsAsync(silo, after, limit);

        public Task<ClientMatches> FindClientsAsync(ClientSearch search) => gateway.FindClientsAsync(silo, search);

        public Task<ClientDescription?> GetClientAsync(string clientId) => gateway.GetClientAsync(silo, clientId);

        public Task<bool> DisconnectAsync(string clientId, bool removeSession) => gateway.DisconnectAsync(silo, clientId, removeSession);

        public Task<ImmutableArray<RetainedDescription>> GetRetainedAsync(string filter, string? after, int limit) => gateway.GetRetainedAsync(silo, filter, after, limit);

        public Task<ImmutableArray<RetainedLevel>> GetRetainedLevelsAsync(string? under, string? after, int limit) => gateway.GetRetainedLevelsAsync(silo, under, after, limit);

        public Task<bool> DeleteRetainedAsync(string topic) => gateway.DeleteRetainedAsync(silo, topic);

        private static NotSupportedException NotForClients() => new("Only silos ask this of each other.");
    }
}
