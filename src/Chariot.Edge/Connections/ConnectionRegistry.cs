using System.Collections.Concurrent;

namespace Chariot.Edge.Connections;

/// <summary>Every open connection of this edge.</summary>
internal sealed class ConnectionRegistry
{
    private readonly ConcurrentDictionary<MqttConnection, byte> _connections = new();

    public int Count => _connections.Count;

    public IEnumerable<MqttConnection> All => _connections.Select(pair => pair.Key);

    public void Add(MqttConnection connection) => _connections.TryAdd(connection, 0);

    public bool Contains(MqttConnection connection) => _connections.ContainsKey(connection);

    public void Remove(MqttConnection connection) => _connections.TryRemove(connection, out _);

    /// <summary>Returns when every batch of work that is under way now has ended (architecture, invariant 4).</summary>
    public void WaitForBatches()
    {
        foreach (var (connection, _) in _connections)
        {
            connection.Batch.WaitForBatch();
        }
    }
}
