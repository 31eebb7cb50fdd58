using System.Collections.Concurrent;
using Chariot.SystemTests.Cluster;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>Silos as processes on a store of their own, each of which can be taken away.</summary>
internal sealed class DrillCluster : IAsyncDisposable
{
    private static readonly string[] Names = ["one", "two", "three", "four", "five"];
    private readonly ConcurrentDictionary<int, BrokerProcess> _nodes = new();
    private readonly PostgresServer? _postgres;
    private readonly AzuriteServer? _azurite;
    private readonly ClusterNodes _processes;

    private DrillCluster(PostgresServer? postgres, AzuriteServer? azurite, string connectionString)
    {
        _postgres = postgres;
        _azurite = azurite;
        _processes = new ClusterNodes(postgres is null ? "azure" : "postgres", connectionString);
    }

    public IReadOnlyList<BrokerProcess> Nodes => [.. _nodes.OrderBy(node => node.Key).Select(node => node.Value)];

    public BrokerProcess this[int node] => _nodes[node];

    /// <param name="store"><c>postgres</c> or <c>azurite</c>.</param>
    public static async Task<DrillCluster> StartAsync(string store, int nodes = 3)
    {
        var postgres = store == "postgres" ? await PostgresServer.StartAsync() : null;
        var azurite = store == "azurite" ? await AzuriteServer.StartAsync() : null;
        var cluster = new DrillCluster(postgres, azurite, postgres is null ? azurite!.ConnectionString : await postgres.CreateDatabaseAsync());
        try
        {
            await Task.WhenAll(Enumerable.Range(0, nodes).Select(cluster.AddAsync));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public static string NameOf(int node) => Names[node];

    public int Port(int node) => _nodes[node].Ports.Mqtt;

    /// <summary>Starts one more node and waits until it is ready.</summary>
    public async Task AddAsync(int node) => _nodes[node] = await _processes.StartAsync(Names[node], "edge,admin", ("Chariot:Bootstrap:AllowAnonymous", "true"));

    /// <summary>Each connection to the next node, from <paramref name="first"/> on: what a balancer does.</summary>
    public Func<int> Balance(int first)
    {
        var next = first - 1;
        return () => Port(Interlocked.Increment(ref next) % 3);
    }

    /// <summary>PostgreSQL as a crash ends it, Azurite in order: killed, the emulator loses what it has acknowledged.</summary>
    public Task StopStoreAsync() => _postgres?.KillAsync() ?? _azurite!.StopAsync();

    public Task StartStoreAsync() => _postgres?.StartAgainAsync() ?? _azurite!.StartAgainAsync();

    /// <summary>The lines of all nodes that contain <paramref name="text"/>, for what a failure should show.</summary>
    public string Lines(string text) =>
        string.Join(Environment.NewLine, Nodes.SelectMany((node, i) => node.Output.Split('\n').Where(line => line.Contains(text, StringComparison.Ordinal)).Select(line => $"{Names[i]}: {line.Trim()}")));

    /// <summary>Errors and worse that the nodes have written, for a failure's message.</summary>
    public string Complaints() => string.Join(Environment.NewLine, Nodes.SelectMany((node, i) => node.Output.Split('\n').Where(IsComplaint).TakeLast(12).Select(line => $"{Names[i]}: {line.Trim()}")));

    public async ValueTask DisposeAsync()
    {
        await KeepLogsAsync(_nodes.Select(node => (node.Key, node.Value)));
        await _processes.DisposeAsync();
        if (_postgres is not null)
        {
            await _postgres.DisposeAsync();
        }

        if (_azurite is not null)
        {
            await _azurite.DisposeAsync();
        }
    }

    /// <summary>Into the folder that <c>CHARIOT_DRILL_LOGS</c> names.</summary>
    public static async Task KeepLogsAsync(IEnumerable<(int Node, BrokerProcess Process)> nodes)
    {
        if (Environment.GetEnvironmentVariable("CHARIOT_DRILL_LOGS") is not { Length: > 0 } directory)
        {
            return;
        }

        Directory.CreateDirectory(directory);
        foreach (var (node, process) in nodes)
        {
            await File.WriteAllTextAsync(Path.Combine(directory, $"{Names[node]}-{process.Ports.Mqtt}.log"), process.Output);
        }
    }

    public static bool IsComplaint(string line) => line.Contains("Z fail:", StringComparison.Ordinal) || line.Contains("Z crit:", StringComparison.Ordinal);
}
