using System.Net;
using System.Text.Json.Nodes;
using Chariot.SystemTests.Cluster;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Networks;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>
/// Three silos, each in a network namespace of its own, and PostgreSQL behind the switch between them. What ends is started again, as the unit in deploy/systemd does:
/// not after the codes 0 and 2.
/// </summary>
internal sealed class PartitionCluster : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly List<BrokerProcess> _nodes = [];
    private readonly List<int> _restarts = [];
    private readonly PostgresServer _postgres;
    private ClusterNodes? _options;
    private Task _supervising = Task.CompletedTask;

    private PartitionCluster(NamespaceNetwork network, PostgresServer postgres) => (Network, _postgres) = (network, postgres);

    public NamespaceNetwork Network { get; }

    /// <summary>Exit codes of processes that have been started again.</summary>
    public IReadOnlyList<int> Restarts
    {
        get
        {
            lock (_restarts)
            {
                return [.. _restarts];
            }
        }
    }

    public static async Task<PartitionCluster> StartAsync()
    {
        var cluster = new PartitionCluster(await NamespaceNetwork.StartAsync(3), await PostgresServer.StartAsync());
        try
        {
            var connection = (await cluster._postgres.CreateDatabaseAsync()).Replace("127.0.0.1", NamespaceNetwork.HubAddress, StringComparison.Ordinal);
            cluster.Network.Publish(cluster._postgres.Port);
            cluster._options = new ClusterNodes("postgres", connection);
            for (var node = 0; node < 3; node++)
            {
                cluster.Launch(node);
            }

            await Task.WhenAll(cluster._nodes.Select(node => node.WaitForReadyAsync()));
            cluster._supervising = Task.WhenAll(cluster._nodes.Select(cluster.SuperviseAsync));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public int Port(int node) => _nodes[node].Ports.Mqtt;

    public int HttpPort(int node) => _nodes[node].Ports.Http;

    /// <summary>Every node lists all three.</summary>
    public Task AllActiveAsync() => Eventually.TrueAsync(
        async () =>
        {
            for (var node = 0; node < 3; node++)
            {
                using var admin = new AdminClient(HttpPort(node), BrokerOptions.DefaultPassword);
                JsonNode? listed = null;
                var answered = await SideProbe.TryAsync(async () => listed = (await admin.GetAsync("nodes")) is { Status: HttpStatusCode.OK } answer ? answer.Body : null);
                if (!answered || listed?["items"]!.AsArray().Count(item => (string?)item!["status"] == "active") != 3)
                {
                    return false;
                }
            }

            return true;
        },
        "every node lists all three as active",
        180);

    /// <summary>Errors and worse that the nodes have written, for a failure's message.</summary>
    public string Complaints() => string.Join(
        Environment.NewLine,
        _nodes.SelectMany((node, i) => node.Output.Split('\n').Where(DrillCluster.IsComplaint).TakeLast(12).Select(line => $"{DrillCluster.NameOf(i)}: {line.Trim()}")));

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _supervising;
        await DrillCluster.KeepLogsAsync(_nodes.Select((node, i) => (i, node)));
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        if (_options is not null)
        {
            await _options.DisposeAsync();
        }

        await _postgres.DisposeAsync();
        await Network.DisposeAsync();
        _over.Dispose();
    }

    private void Launch(int node)
    {
        var ports = BrokerPorts.Choose();
        Network.OpenDoor(node, ports.Mqtt);
        Network.OpenDoor(node, ports.Http);
        var options = _options!.Options(
            DrillCluster.NameOf(node), "edge,admin", ("Chariot:Bootstrap:AllowAnonymous", "true"), ("Chariot:Cluster:AdvertisedAddress", NamespaceNetwork.Address(node)));
        _nodes.Add(BrokerProcess.Launch(options with { Ports = ports, Prefix = Network.Enter(node) }));
    }

    private async Task SuperviseAsync(BrokerProcess node)
    {
        while (!_over.IsCancellationRequested)
        {
            if (!node.HasExited)
            {
                await Task.Delay(100, CancellationToken.None);
                continue;
            }

            lock (_restarts)
            {
                _restarts.Add(node.ExitCode);
            }

            if (node.ExitCode is 0 or 2)
            {
                // A unit with Restart=on-failure and RestartPreventExitStatus=2 leaves it at that.
                return;
            }

            // "Ready" is for the drill to find out; it may end again before that.
            node.LaunchAgain();
        }
    }
}
