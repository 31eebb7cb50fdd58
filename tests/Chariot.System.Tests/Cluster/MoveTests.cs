using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Cluster;

/// <summary>One durable client that goes from silo to silo as fast as it can.</summary>
public sealed class MoveTests(RoutingTests.Fixture cluster) : IClassFixture<RoutingTests.Fixture>
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);
    private readonly Random _random = new(Drill.Seed);

    /// <summary>However fast it moves, it is alone: nobody fights with it for its client id, so nobody has to wait.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public async Task AClientThatMovesAsFastAsItCan_IsNeverRefused(int qos, bool withTraffic)
    {
        var topic = Unique.Name("moves/");
        var packet = new ConnectPacket { ClientId = Unique.Name("mover"), Clean = false, SessionExpiry = 3600, KeepAlive = 0 };
        await using (var first = await RawMqttClient.ConnectAsync(cluster.Ports(0), packet))
        {
            await first.SubscribeAsync(topic, qos);
        }

        await using var publisher = await RawMqttClient.ConnectAsync(cluster.Ports(2), new ConnectPacket { ClientId = Unique.Name("publisher"), KeepAlive = 0 });
        using var stop = new CancellationTokenSource();
        var publishing = withTraffic ? PublishUntilAsync(publisher, topic, qos, stop.Token) : Task.FromResult(0);
        var received = new List<int>();
        var moves = Drill.Pick(60, 250);
        for (var move = 0; move < moves; move++)
        {
            await using var client = await MoveAsync(move, packet);
            if (withTraffic)
            {
                received.Add(int.Parse((await client.ReadPublishAsync(Long)).PayloadText, null));
            }

            switch (_random.Next(3))
            {
                case 0:
                    client.Abort();
                    break;
                case 1:
                    // Gone before the silo can have answered.
                    await client.SendAsync(Packets.Disconnect(client.Version, 0, null));
                    break;
            }
        }

        await stop.CancelAsync();
        var published = await publishing;
        await using var last = await MoveAsync(moves, packet);
        while (published > 0 && !received.Contains(published - 1))
        {
            received.Add(int.Parse((await last.ReadPublishAsync(Long)).PayloadText, null));
        }

        Assert.Equal(Enumerable.Range(0, published), received.Distinct());
    }

    private async Task<RawMqttClient> MoveAsync(int move, ConnectPacket packet)
    {
        var node = _random.Next(3);
        var (client, answer) = await RawMqttClient.TryConnectAsync(cluster.Ports(node), packet);
        Assert.True(answer is { Type: PacketType.ConnAck, Reason: 0, SessionPresent: true }, $"move {move}, to node {node}: CONNECT was answered by {answer}\n{cluster.Output}");
        return client;
    }

    private static async Task<int> PublishUntilAsync(RawMqttClient publisher, string topic, int qos, CancellationToken cancellationToken)
    {
        var count = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            Assert.InRange(await publisher.PublishAsync(topic, $"{count++}", qos), 0, 0x7F);
        }

        return count;
    }
}
