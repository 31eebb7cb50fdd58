using System.Diagnostics;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Access;

/// <summary>A right that is taken away under load is gone when the API has answered, not soon after.</summary>
public class AclFlipTests
{
    private const string Password = "a-long-password";

    [Fact]
    public async Task Flip_OfAWildcardSubscriber_LeavesNothingBehind()
    {
        var rate = 10_000;
        var flips = Drill.Pick(3, 20);
        await using var broker = await BrokerProcess.StartAsync();
        var admin = broker.Admin;
        await admin.CreateCredentialAsync("writer", Password, ["#"], ["#"]);
        await admin.CreateCredentialAsync("reader", Password, [], ["load/#", "secret/#"]);
        var writer = new ConnectPacket { ClientId = "writer", Username = "writer", Password = Password, KeepAlive = 0 };
        var reader = new ConnectPacket { ClientId = "reader", Username = "reader", Password = Password, KeepAlive = 0 };
        var offline = reader with { ClientId = "offline", SessionExpiry = 3600 };
        await using var keeper = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, writer with { ClientId = "keeper" });
        await keeper.PublishAsync("secret/retained", "kept", 1, retain: true);
        await using (var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, offline))
        {
            Assert.Equal(1, await client.SubscribeAsync("secret/#", 1));
            Assert.Equal("kept", (await client.ReadPublishAsync()).PayloadText);
            await client.DisconnectAsync();
        }

        await using var traffic = await Traffic.StartAsync(broker.Ports.Mqtt, "load", rate, writer, reader);
        List<(long From, long To)> denied = [];
        for (var flip = 0; flip < flips; flip++)
        {
            await traffic.FlowAsync(rate / 2);
            await keeper.PublishAsync("secret/queued", "before the flip", 1);

            await admin.SetAclAsync("reader", [], ["load/#", "secret/#", "!load/#", "!secret/#"]);
            var answered = Stopwatch.GetTimestamp();

            for (var i = 0; i < 20; i++)
            {
                await keeper.PublishAsync("secret/queued", "after the flip", 1);
            }

            await OffersNothingAsync(broker, offline);
            denied.Add((answered, Stopwatch.GetTimestamp()));
            await admin.SetAclAsync("reader", [], ["load/#", "secret/#"]);
        }

        await traffic.FlowAsync(rate / 2);
        await traffic.StopAsync();

        var received = traffic.Received;
        var leaked = received.Where(message => denied.Any(window => message.SentAt > window.From && message.SentAt < window.To)).ToArray();
        var underWay = received.Count(message => denied.Any(window => message.SentAt <= window.From && message.ReceivedAt > window.From && message.ReceivedAt < window.To));
        Drill.Report($"acl flip: {flips} flips at {rate} msg/s, {received.Count} delivered, sent after the answer and delivered {leaked.Length}, handed to the socket before and read after {underWay}");
        Assert.Empty(leaked);
        Assert.Equal(received.Select(message => message.Sequence).Order(), received.Select(message => message.Sequence));
        await OffersOnlyAsync(broker, offline, []);
    }

    /// <summary>The denied session: present, not connected to its subscription, no queued copy, no retained one.</summary>
    private static async Task OffersNothingAsync(BrokerProcess broker, ConnectPacket offline)
    {
        await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, offline with { Clean = false });
        Assert.True(client.ConnAck!.SessionPresent);
        Assert.Empty(await client.DrainPublishesAsync());
        Assert.Equal(0x87, await client.SubscribeAsync("secret/retained", 1));
        Assert.Empty(await client.DrainPublishesAsync());
        await client.DisconnectAsync();
    }

    /// <summary>After the right came back: copies removed meanwhile stay removed.</summary>
    private static async Task OffersOnlyAsync(BrokerProcess broker, ConnectPacket offline, string[] expected)
    {
        await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, offline with { Clean = false });
        Assert.Equal(expected, (await client.DrainPublishesAsync()).Select(message => message.PayloadText));
        await client.DisconnectAsync();
    }
}
