using Chariot.TestKit;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.Cluster;

/// <summary>A silo that hangs until the others have declared it dead, and wakes.</summary>
public class DeclaredDeadTests
{
    [Fact]
    public async Task ASiloThatWakesAsADeadOne_EndsInOrder_AndSaysWhatToDo()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var nodes = new ClusterNodes("postgres", await server.CreateDatabaseAsync());
        var anonymous = ("Chariot:Bootstrap:AllowAnonymous", "true");
        var brokers = await Task.WhenAll(nodes.StartAsync("hangs", "edge,admin", anonymous), nodes.StartAsync("stays", "edge,admin", anonymous));
        var durable = new ConnectPacket { ClientId = "durable", Clean = false, SessionExpiry = 3600, KeepAlive = 0 };
        await using var client = await RawMqttClient.ConnectAsync(brokers[0].Ports.Mqtt, durable);
        await client.SubscribeAsync("t/#", 1);
        await using var publisher = await RawMqttClient.ConnectAsync(brokers[1].Ports.Mqtt, new ConnectPacket { ClientId = "publisher", KeepAlive = 0 });

        brokers[0].Suspend();
        // Acknowledged when the session is adopted: its silo is dead by then.
        var id = publisher.NextPacketId();
        await publisher.SendAsync(Packets.Publish(publisher.Version, "t/1", "held", 1, id));
        Assert.InRange((await publisher.WaitForAsync(PacketType.PubAck, TimeSpan.FromSeconds(90))).Reason, 0, 0x7F);
        await client.SendAsync(Packets.Publish(client.Version, "t/2", "late", 1, 7));
        brokers[0].Resume();

        Assert.Equal(3, await brokers[0].WaitForExitAsync(60));
        Assert.Contains("has to be started again", brokers[0].Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", brokers[0].Output, StringComparison.Ordinal);
        Assert.Null(await EndOfAsync(client));
        await using var resumed = await RawMqttClient.ConnectAsync(brokers[1].Ports.Mqtt, durable);
        Assert.True(resumed.ConnAck!.SessionPresent);
        Assert.Equal(["held"], (await resumed.DrainPublishesAsync()).Select(message => message.PayloadText));
        await brokers[0].StartAgainAsync();
    }

    /// <summary>What the client was sent before its connection ended; null for nothing.</summary>
    private static async Task<ReceivedPacket?> EndOfAsync(RawMqttClient client)
    {
        try
        {
            return await client.ReadToCloseAsync(TimeSpan.FromSeconds(60));
        }
        catch (IOException)
        {
            // Reset: what it had sent was not read any more.
            return null;
        }
    }
}
