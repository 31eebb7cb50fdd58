using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

/// <summary>Limits of a running broker, changed while it runs, each at one less, at the limit, and at one more.</summary>
public class LimitTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    private const string Password = "a-long-password";

    [Theory]
    [InlineData(MqttVersion.V311, 0x80)]
    [InlineData(MqttVersion.V500, 0x97)]
    public async Task Subscriptions_UpToTheLimitsOfAPacketAndOfAClient_AreGranted(MqttVersion version, int refusal)
    {
        await using var limits = await LimitAsync(("maximumFiltersPerSubscribe", 5), ("maximumSubscriptionsPerClient", 8));
        await using var client = await ConnectAsync(version: version);
        string[] Filters(int count, string of) => [.. Enumerable.Range(0, count).Select(i => $"{of}/{i}/+")];
        async Task<string> AskAsync(string[] filters)
        {
            await client.SendAsync(Packets.Subscribe(version, client.NextPacketId(), [.. filters.Select(filter => (filter, 1))]));
            return string.Join(' ', (await client.WaitForAsync(PacketType.SubAck)).Reasons.Select(reason => (int)reason));
        }

        Assert.Equal("1 1 1 1", await AskAsync(Filters(4, "a")));
        Assert.Equal($"1 1 1 1 1 {refusal}", await AskAsync(Filters(6, "a")));
        Assert.Equal("1 1 1", await AskAsync(Filters(3, "b")));
        Assert.Equal($"{refusal}", await AskAsync(["one/more"]));
        // One that is there is replaced, and one that is given up makes room.
        Assert.Equal("1", await AskAsync(["a/0/+"]));
        await client.UnsubscribeAsync("a/0/+");
        Assert.Equal("1", await AskAsync(["one/more"]));
    }

    [Fact]
    public async Task RetainedMessages_BeyondTheLimit_AreRefused()
    {
        await using var limits = await LimitAsync(("maximumRetainedMessages", 2));
        await using var client = await ConnectAsync();
        var topic = Unique.Name("kept/");
        Assert.True(await client.PublishAsync(topic + "/1", "x", 1, retain: true) < 0x80);
        Assert.True(await client.PublishAsync(topic + "/2", "x", 2, retain: true) < 0x80);
        Assert.Equal(0x97, await client.PublishAsync(topic + "/3", "x", 1, retain: true));
        Assert.Equal(0x97, await client.PublishAsync(topic + "/3", "x", 2, retain: true));
        await client.PublishAsync(topic + "/4", "x", 0, retain: true);
        Assert.True(await client.PublishAsync(topic + "/1", "y", 1, retain: true) < 0x80);

        await client.SubscribeAsync(topic + "/#", 1);
        Assert.Equal(["1", "2"], (await client.DrainPublishesAsync()).Select(message => message.Topic[^1..]).Order());
        foreach (var i in new[] { 1, 2 })
        {
            await client.PublishAsync($"{topic}/{i}", "", 1, retain: true);
        }
    }

    [Fact]
    public async Task MessagesFasterThanTheRate_AreReadMoreSlowly_NotLost()
    {
        await using var client = await ConnectAsync();
        var topic = Unique.Name("rate/");
        await client.SubscribeAsync(topic, 0);
        await using var limits = await LimitAsync(("maximumMessageRate", 50));
        var before = await ReachedAsync("message_rate");

        // As many as the rate allows at once, then one more batch of as many, which has the third wait.
        var started = Stopwatch.GetTimestamp();
        foreach (var batch in Enumerable.Range(0, 3))
        {
            await client.SendAsync(Enumerable.Range(0, 50).SelectMany(i => Packets.Publish(MqttVersion.V500, topic, $"{(batch * 50) + i}")).ToArray());
        }

        for (var i = 0; i < 150; i++)
        {
            Assert.Equal($"{i}", (await client.ReadPublishAsync(TimeSpan.FromSeconds(30))).PayloadText);
        }

        await client.SendAsync(Packets.PingReq);
        await client.WaitForAsync(PacketType.PingResp, TimeSpan.FromSeconds(30));
        Assert.True(await ReachedAsync("message_rate") > before);
        Assert.True(Stopwatch.GetElapsedTime(started).TotalSeconds > 0.9, "nothing waited");
    }

    [Fact]
    public async Task ConnectionsOfACredential_UpToTheLimit_AreAccepted()
    {
        var name = Unique.Name("many");
        await fixture.Broker.Admin.CreateCredentialAsync(name, Password, ["#"], ["#"]);
        await using var limits = await LimitAsync(("maximumConnectionsPerCredential", 2));
        ConnectPacket Of(string id, MqttVersion version = MqttVersion.V500) => new() { Version = version, ClientId = id, Username = name, Password = Password };
        var first = await RawMqttClient.ConnectAsync(fixture.Port, Of("limit-1"));
        await using var second = await RawMqttClient.ConnectAsync(fixture.Port, Of("limit-2"));

        await Hostility.IsRefusedAsync(fixture.Port, Of("limit-3"), 0x05, 0x97);
        await Hostility.IsRefusedAsync(fixture.Port, Of("limit-3", MqttVersion.V311), 0x05, 0x97);
        Assert.Equal(2, await ReachedAsync("connections_per_credential"));
        // Anonymous clients have no credential; one that takes its own session over needs no further place.
        await using var anonymous = await ConnectAsync();
        await using var again = await RawMqttClient.ConnectAsync(fixture.Port, Of("limit-1"));
        Assert.Equal(0x8E, (await first.ReadToCloseAsync())?.Reason);
        await first.DisposeAsync();

        await again.DisconnectAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                var (client, answer) = await RawMqttClient.TryConnectAsync(fixture.Port, Of("limit-3"));
                await client.DisposeAsync();
                return answer?.Reason == 0;
            },
            "the place that was left is given",
            30);
    }

    [Fact]
    public async Task DurableQueues_NearlyFull_RefuseWhatWouldWait_AndNewDurableSessions()
    {
        await using var limits = await LimitAsync(("maximumDurableBytes", 10_000));
        var away = new ConnectPacket { ClientId = Unique.Name("away"), SessionExpiry = 300, Clean = false };
        var topic = Unique.Name("durable/");
        await using (var subscriber = await RawMqttClient.ConnectAsync(fixture.Port, away))
        {
            await subscriber.SubscribeAsync(topic, 1);
            await subscriber.DisconnectAsync();
        }

        await using var publisher = await ConnectAsync();
        Assert.True(await publisher.PublishAsync(topic, new string('x', 9_500), 1) < 0x80);
        await Eventually.TrueAsync(async () => await publisher.PublishAsync(topic, "one more", 1) == 0x97, "PUBACK 0x97", 30);
        Assert.Equal(0x97, await publisher.PublishAsync(topic, "one more", 2));
        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("new"), SessionExpiry = 300 }, 0x03, 0x97);
        await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = MqttVersion.V311, ClientId = Unique.Name("new"), Clean = false }, 0x03, 0x97);
        Assert.True(await ReachedAsync("durable_bytes") >= 4);
        await using var transient = await ConnectAsync();

        // Who is there already may come and take what waits, and then there is room.
        await using var back = await RawMqttClient.ConnectAsync(fixture.Port, away);
        Assert.Equal(9_500, (await back.ReadPublishAsync()).Payload.Length);
        await back.DrainPublishesAsync();
        await back.DisconnectAsync(sessionExpiry: 0);
        await Eventually.TrueAsync(
            async () =>
            {
                var (client, answer) = await RawMqttClient.TryConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("new"), SessionExpiry = 1 });
                await client.DisposeAsync();
                return answer?.Reason == 0;
            },
            "a durable session is accepted again",
            30);
    }

    [Fact]
    public async Task ConnectionsFasterThanTheRate_WaitTheirTurn_AndAreAccepted()
    {
        await using var limits = await LimitAsync(("maximumConnectRate", 10));
        var before = await ReachedAsync("connect_rate");
        var started = Stopwatch.GetTimestamp();
        var clients = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => ConnectAsync()));

        Assert.True(Stopwatch.GetElapsedTime(started).TotalSeconds > 1.2, "nobody waited");
        Assert.True(await ReachedAsync("connect_rate") > before);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    private Task<RawMqttClient> ConnectAsync(MqttVersion version = MqttVersion.V500) =>
        RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("limit") });

    /// <summary>Sets limits until it is disposed.</summary>
    private async Task<IAsyncDisposable> LimitAsync(params (string Name, long Value)[] limits)
    {
        Dictionary<string, JsonNode?> before = [];
        (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings =>
        {
            foreach (var (name, value) in limits)
            {
                before[name] = settings["limits"]![name]!.DeepClone();
                settings["limits"]![name] = value;
            }
        })).EnsureSuccess();
        return new Undo(async () => (await fixture.Broker.Admin.ChangeMqttSettingsAsync(settings =>
        {
            foreach (var (name, value) in before)
            {
                settings["limits"]![name] = value!.DeepClone();
            }
        })).EnsureSuccess());
    }

    private async Task<long> ReachedAsync(string limit)
    {
        var start = $"chariot_limit_reached_total{{limit=\"{limit}\"}} ";
        var text = (await fixture.Broker.Admin.GetAsync("../../metrics")).EnsureSuccess().Text;
        return long.Parse(text.Split('\n').Single(line => line.StartsWith(start, StringComparison.Ordinal)).AsSpan(start.Length), CultureInfo.InvariantCulture);
    }

    private sealed class Undo(Func<Task> undo) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await undo();
    }
}
