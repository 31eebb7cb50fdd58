using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Mqtt;

public class RestartTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EverythingConfigured_Queued_AndRetained_SurvivesARestart(bool orderly)
    {
        await using var broker = await BrokerProcess.StartAsync();
        var admin = broker.Admin;
        await admin.CreateCredentialAsync("device", "a-long-password", ["%c/#"], ["#"]);
        await admin.CreateCredentialAsync("guest", "another-password", [], ["public/#"]);
        await admin.SetAnonymousAsync(true, "guest");
        var packet = new ConnectPacket { ClientId = "d1", Username = "device", Password = "a-long-password", SessionExpiry = 600 };
        var before = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, packet with { ClientId = "d2" });
        await before.SubscribeAsync("d1/#", 2);
        await before.DisconnectAsync();
        await using (var publisher = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, packet))
        {
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal(0, await publisher.PublishAsync($"d1/{i % 2}", $"{i}", 1 + (i % 2)));
            }

            Assert.True(await publisher.PublishAsync("d1/kept", "retained", 1, retain: true) < 0x80);
        }

        if (!orderly)
        {
            await broker.Kill9Async();
            await broker.StartAgainAsync();
        }
        else
        {
            await broker.RestartAsync();
        }

        await using var after = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, packet with { ClientId = "d2", Clean = false });
        Assert.True(after.ConnAck!.SessionPresent);
        List<ReceivedPacket> queued = [];
        while (queued.Count < 21)
        {
            queued.Add(await after.ReadPublishAsync());
        }

        for (var topic = 0; topic < 2; topic++)
        {
            Assert.Equal(
                Enumerable.Range(0, 20).Where(i => i % 2 == topic).Select(i => $"{i}"),
                queued.Where(message => message.Topic == $"d1/{topic}").Select(message => message.PayloadText));
        }

        Assert.Equal("retained", Assert.Single(queued, message => message.Topic == "d1/kept").PayloadText);
        await using var anonymous = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "walk-in" });
        Assert.Equal(0x87, await anonymous.SubscribeAsync("d1/#"));
        Assert.Equal(0, await anonymous.SubscribeAsync("public/#"));
        await after.SubscribeAsync("d1/kept");
        Assert.True((await after.ReadPublishAsync()).Retain);
    }
}
