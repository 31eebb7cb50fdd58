using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;
using Chariot.TestKit.Stores;

namespace Chariot.SystemTests.Cluster;

/// <summary>Clients on different silos of one cluster: what holds on one broker holds across three.</summary>
public sealed class RoutingTests(RoutingTests.Fixture cluster) : IClassFixture<RoutingTests.Fixture>
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);
    private readonly Random _random = new(17);

    [Fact]
    public async Task AMessagePublishedAfterSubAck_OnAnotherSilo_IsNeverMissed()
    {
        await using var here = await ConnectAsync(0, "sub-here");
        await using var there = await ConnectAsync(1, "sub-there");
        for (var i = 0; i < 120; i++)
        {
            var (subscriber, publisher) = i % 2 == 0 ? (here, there) : (there, here);
            var topic = $"first/{i}/{_random.Next(1000)}";
            Assert.InRange(await subscriber.SubscribeAsync(i % 4 < 2 ? topic : $"first/{i}/+", i % 3), 0, 2);
            await publisher.PublishAsync(topic, $"{i}", _random.Next(3));

            Assert.Equal($"{i}", (await subscriber.ReadPublishAsync(Long)).PayloadText);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task ADurableSession_FollowsItsClient_AndLosesNothing(int qos)
    {
        var topic = Unique.Name("follow/");
        var packet = new ConnectPacket { ClientId = Unique.Name("mover"), Clean = false, Version = MqttVersion.V311 };
        await using (var first = await RawMqttClient.ConnectAsync(cluster.Ports(0), packet))
        {
            await first.SubscribeAsync(topic, qos);
        }

        await using var publisher = await ConnectAsync(2, Unique.Name("publisher"));
        using var stop = new CancellationTokenSource();
        var publishing = PublishUntilAsync(publisher, topic, qos, stop.Token);
        var received = new List<int>();
        for (var move = 0; move < 12; move++)
        {
            await using var client = await MoveAsync(_random.Next(3), packet);
            for (var i = 0; i < 15; i++)
            {
                received.Add(int.Parse((await client.ReadPublishAsync(Long)).PayloadText, null));
            }

            if (_random.Next(2) == 0)
            {
                client.Abort();
            }
        }

        await stop.CancelAsync();
        var published = await publishing;
        await using var last = await MoveAsync(1, packet);
        while (!received.Contains(published - 1))
        {
            received.Add(int.Parse((await last.ReadPublishAsync(Long)).PayloadText, null));
        }

        Assert.Equal(Enumerable.Range(0, published), received.Distinct());
    }

    private async Task<RawMqttClient> MoveAsync(int node, ConnectPacket packet)
    {
        var client = await RawMqttClient.ConnectAsync(cluster.Ports(node), packet);
        Assert.True(client.ConnAck!.SessionPresent);
        return client;
    }

    [Fact]
    public async Task ARetainedMessage_IsReplayedOnEverySilo_AndDeletedOnEverySilo()
    {
        var topic = Unique.Name("kept/");
        await using var publisher = await ConnectAsync(0, Unique.Name("publisher"));
        for (var i = 0; i < 10; i++)
        {
            await publisher.PublishAsync(topic, $"{i}", 1 + (i % 2), retain: true);
            await using var subscriber = await ConnectAsync(1 + (i % 2), Unique.Name("reader"));
            await subscriber.SubscribeAsync(topic, 1);
            var replayed = await subscriber.ReadPublishAsync(Long);
            Assert.Equal(($"{i}", true), (replayed.PayloadText, replayed.Retain));
        }

        await publisher.PublishAsync(topic, "", 1, retain: true);
        await using var late = await ConnectAsync(2, Unique.Name("reader"));
        await late.SubscribeAsync(topic, 1);
        Assert.Empty(await late.DrainPublishesAsync());
    }

    [Fact]
    public async Task ASharedSubscription_GivesEachMessage_ToOneMemberOfTheCluster()
    {
        var group = Unique.Name("group");
        var topic = Unique.Name("work/");
        var members = new List<RawMqttClient>();
        for (var i = 0; i < 3; i++)
        {
            var member = await ConnectAsync(i, Unique.Name("member"));
            await member.SubscribeAsync($"$share/{group}/{topic}", 1);
            members.Add(member);
        }

        await using var publisher = await ConnectAsync(0, Unique.Name("publisher"));
        for (var i = 0; i < 60; i++)
        {
            await publisher.PublishAsync(topic, $"{i}", 1);
        }

        var shares = new List<List<string>>();
        foreach (var member in members)
        {
            shares.Add([.. (await member.DrainPublishesAsync()).Select(message => message.PayloadText)]);
            await member.DisposeAsync();
        }

        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"{i}").Order(), shares.SelectMany(share => share).Order());
        Assert.All(shares, Assert.NotEmpty);
    }

    [Fact]
    public async Task NoLocal_AndProperties_HoldAcrossSilos()
    {
        var topic = Unique.Name("own/");
        await using var client = await ConnectAsync(0, Unique.Name("both"));
        await using var other = await ConnectAsync(1, Unique.Name("other"));
        await client.SubscribeAsync(topic, 4 | 1);
        await other.SubscribeAsync(topic, 8 | 1);

        await client.PublishAsync(topic, "mine", 1);
        await other.PublishAsync(topic, "theirs", 1, retain: true);

        Assert.Equal("theirs", (await client.ReadPublishAsync(Long)).PayloadText);
        Assert.Equal("mine", (await other.ReadPublishAsync(Long)).PayloadText);
        Assert.True((await other.ReadPublishAsync(Long)).Retain);
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

    private Task<RawMqttClient> ConnectAsync(int node, string clientId) =>
        RawMqttClient.ConnectAsync(cluster.Ports(node), new ConnectPacket { ClientId = clientId });

    public sealed class Fixture : IAsyncLifetime, IAsyncDisposable
    {
        private PostgresServer _server = null!;
        private static readonly string[] Names = ["one", "two", "three"];
        private BrokerProcess[] _brokers = [];

        internal ClusterNodes Nodes { get; private set; } = null!;

        public int Ports(int node) => _brokers[node].Ports.Mqtt;

        /// <summary>What the silos have logged, for a failure.</summary>
        public string Output => string.Concat(_brokers.Select((broker, i) => $"--- {Names[i]}\n{broker.Output}"));

        public async Task InitializeAsync()
        {
            _server = await PostgresServer.StartAsync();
            Nodes = new ClusterNodes("postgres", await _server.CreateDatabaseAsync());
            _brokers = await Task.WhenAll(Names.Select(name => Nodes.StartAsync(name, "edge,admin", ("Chariot:Bootstrap:AllowAnonymous", "true"))));
        }

        // xunit 2 calls this one only.
        public async Task DisposeAsync()
        {
            await Nodes.DisposeAsync();
            await _server.DisposeAsync();
        }

        async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();
    }
}
