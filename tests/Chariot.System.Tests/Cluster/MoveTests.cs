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

    /// <summary>It asks a second and a third silo while the first has not answered: the session is taken while it moves.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task AClientThatDoesNotWaitForTheAnswer_LosesNothing(int qos)
    {
        var topic = Unique.Name("overtaken/");
        var packet = new ConnectPacket { ClientId = Unique.Name("mover"), Clean = false, SessionExpiry = 3600, KeepAlive = 0 };
        await using (var first = await RawMqttClient.ConnectAsync(cluster.Ports(0), packet))
        {
            await first.SubscribeAsync(topic, qos);
        }

        await using var publisher = await RawMqttClient.ConnectAsync(cluster.Ports(2), new ConnectPacket { ClientId = Unique.Name("publisher"), KeepAlive = 0 });
        using var stop = new CancellationTokenSource();
        var publishing = PublishUntilAsync(publisher, topic, qos, stop.Token);
        var received = new List<int>();
        for (var round = 0; round < Drill.Pick(4, 30); round++)
        {
            var nodes = Enumerable.Range(0, 3).OrderBy(_ => _random.Next()).ToArray();
            var impatient = new List<RawMqttClient>();
            foreach (var node in nodes[..2])
            {
                var client = await RawMqttClient.DialAsync(cluster.Ports(node), packet.Version);
                await client.SendAsync(packet.Encode());
                impatient.Add(client);
            }

            // One of the others may come after it and take the session.
            await using var patient = await InsistAsync(nodes[2], packet);
            for (var i = 0; i < 20 && await NextAsync(patient) is { } message; i++)
            {
                Take(message);
            }

            foreach (var client in impatient)
            {
                await client.DisposeAsync();
            }
        }

        await stop.CancelAsync();
        var published = await publishing;
        await using var last = await InsistAsync(1, packet);
        while (!received.Contains(published - 1))
        {
            Take(await last.ReadPublishAsync(Long));
        }

        Assert.Equal(Enumerable.Range(0, published), received.Distinct());

        void Take(ReceivedPacket message)
        {
            if (message.Type == PacketType.Publish)
            {
                var number = int.Parse(message.PayloadText, null);
                Assert.True(qos == 1 || message.Dup || !received.Contains(number), $"{number} came twice");
                received.Add(number);
            }
        }
    }

    /// <summary>Null when it has been thrown out.</summary>
    private static async Task<ReceivedPacket?> NextAsync(RawMqttClient client)
    {
        try
        {
            return await client.ReadAsync(Long) is { Type: not PacketType.Disconnect } packet ? packet : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>It may look like two that fight, which it is: then it has to wait.</summary>
    private async Task<RawMqttClient> InsistAsync(int node, ConnectPacket packet)
    {
        for (var attempt = 1; ; attempt++)
        {
            var (client, answer) = await RawMqttClient.TryConnectAsync(cluster.Ports(node), packet);
            if (answer is { Type: PacketType.ConnAck, Reason: 0, SessionPresent: true })
            {
                return client;
            }

            await client.DisposeAsync();
            Assert.True(answer is null or { Type: PacketType.ConnAck, Reason: 0x8E or 0x9F } && attempt < 200, $"attempt {attempt}, to node {node}: CONNECT was answered by {answer}\n{cluster.Output}");
            await Task.Delay(200);
        }
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
