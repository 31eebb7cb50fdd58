using System.Security.Cryptography;
using Chariot.TestKit;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.Cluster;

/// <summary>Processes of one cluster on a store that somebody else runs, with the master key that they share.</summary>
internal sealed class ClusterNodes : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly List<BrokerProcess> _nodes = [];
    private readonly Dictionary<string, string> _shared;

    public ClusterNodes(string provider, string connectionString)
    {
        _shared = new()
        {
            ["Chariot:Store:Provider"] = provider,
            ["Chariot:Store:ConnectionString"] = connectionString,
            ["Chariot:MasterKeyFile"] = _directory.Write("master.key", Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)) + "\n"),
            ["Chariot:Cluster:Id"] = "test",
        };
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_directory.File("master.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    public BrokerOptions Options(string name, string roles = "edge,admin", params (string Key, string Value)[] more) => new()
    {
        StartSeconds = 120,
        Configuration = _shared
            .Append(new("Chariot:NodeName", name))
            .Append(new("Chariot:Roles", roles))
            .Concat(more.Select(pair => KeyValuePair.Create(pair.Key, pair.Value)))
            .ToDictionary(),
    };

    /// <summary>Starts a node and waits for "Ready".</summary>
    public async Task<BrokerProcess> StartAsync(string name, string roles = "edge,admin", params (string Key, string Value)[] more)
    {
        var node = await BrokerProcess.StartAsync(Options(name, roles, more));
        lock (_nodes)
        {
            _nodes.Add(node);
        }

        return node;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        _directory.Dispose();
    }
}
