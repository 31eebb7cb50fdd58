using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Section 3.2.2.3.14, on a broker of its own: the setting would reach the clients of all other tests.</summary>
public class ServerKeepAliveTests
{
    [Fact]
    [Normative("5:3.1.2-21", "5:3.1.2-22", "5:3.2.2-22")]
    public async Task ServerKeepAlive_IsSentWhereItDiffers_AndIsTheOneThatCounts()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        (await broker.Admin.ChangeMqttSettingsAsync(settings => settings["limits"]!["maximumKeepAliveSeconds"] = 2)).EnsureSuccess();
        await using (var modest = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "modest", KeepAlive = 1 }))
        {
            Assert.Null(modest.ConnAck!.Property(PropertyId.ServerKeepAlive));
        }

        foreach (var keepAlive in new[] { 0, 3600 })
        {
            await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = $"greedy{keepAlive}", KeepAlive = keepAlive });
            Assert.Equal(2u, client.ConnAck!.Property(PropertyId.ServerKeepAlive));
            var started = Stopwatch.GetTimestamp();
            Assert.Equal(0x8D, (await client.ReadToCloseAsync(TimeSpan.FromSeconds(40)))?.Reason);
            Assert.True(Stopwatch.GetElapsedTime(started).TotalSeconds > 2.5, "closed early");
        }
    }
}
