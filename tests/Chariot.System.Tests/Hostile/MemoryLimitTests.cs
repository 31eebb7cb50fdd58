using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

public class MemoryLimitTests
{
    [Fact]
    public async Task ShortOfMemory_NewClientsWait_ThoseThatAreThereAreServed_AndAllIsWellAfterwards()
    {
        // With 256 MB the heap of a broker at rest is some percent of what it may use.
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous with
        {
            Environment = new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "0x10000000" },
        });
        await using var there = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "there" });
        await there.SubscribeAsync("memory", 1);
        await SetAsync(broker, 1);
        await Eventually.TrueAsync(
            async () =>
            {
                await ProcessMemory.CollectGarbageAsync(broker.Pid, Path.GetTempPath());
                return (await broker.Admin.GetAsync("../../metrics")).Text.Contains("chariot_limit_reached_total{limit=\"memory_accept\"} 1", StringComparison.Ordinal);
            },
            "accepting stops",
            30);

        await using var waits = await RawMqttClient.DialAsync(broker.Ports.Mqtt);
        await waits.SendAsync(new ConnectPacket { ClientId = "waits" }.Encode());
        await there.PublishAsync("memory", "served", 1);
        Assert.Equal("served", (await there.ReadPublishAsync()).PayloadText);
        await Assert.ThrowsAsync<TimeoutException>(() => waits.ReadAsync(TimeSpan.FromSeconds(2)));

        await SetAsync(broker, 95);

        Assert.Equal((PacketType.ConnAck, 0), await AnswerAsync(waits));
    }

    private static async Task<(PacketType, int)> AnswerAsync(RawMqttClient client)
    {
        var answer = await client.ReadAsync(TimeSpan.FromSeconds(30));
        return answer is null ? default : (answer.Type, answer.Reason);
    }

    private static async Task SetAsync(BrokerProcess broker, int percent) =>
        (await broker.Admin.ChangeMqttSettingsAsync(settings => settings["limits"]!["maximumMemoryPercent"] = percent)).EnsureSuccess();
}
