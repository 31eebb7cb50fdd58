using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.Cluster;

/// <summary>SIGTERM ends a node, whatever else is gone.</summary>
public class StopTests
{
    [LongDrillFact]
    public async Task ANodeWhoseStoreIsGone_EndsOnSigterm()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var nodes = new ClusterNodes("postgres", await server.CreateDatabaseAsync());
        var node = await nodes.StartAsync("alone", "edge,admin", ("Chariot:Bootstrap:AllowAnonymous", "true"));
        await using var client = await RawMqttClient.ConnectAsync(node.Ports.Mqtt, new ConnectPacket { ClientId = "durable", Clean = false, SessionExpiry = 3600, KeepAlive = 0 });
        await client.SubscribeAsync("t/#", 1);

        await server.KillAsync();
        // Its row waits for the store.
        await client.SendAsync(Packets.Publish(client.Version, "t/1", "waits", 1, client.NextPacketId()));

        // After 75 s at the latest, and some for a busy machine.
        await node.StopAsync(120);
    }
}
