using System.Net;
using System.Net.Sockets;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.WebSocket;

/// <summary>Who may connect, over a WebSocket as over TCP.</summary>
public class WebSocketAccessTests
{
    [Fact]
    public async Task Credentials_AndOrigins_AreChecked()
    {
        await using var broker = await BrokerProcess.StartAsync(new BrokerOptions
        {
            Configuration = new Dictionary<string, string> { ["Chariot:Mqtt:AllowedOrigins:0"] = "https://plant.example" },
        });
        await broker.Admin.CreateCredentialAsync("meter", "meter-password-1", ["own/#"], ["own/#"]);

        await using (var foreign = await RawWebSocket.DialAsync(broker.Ports.Ws, extra: "Sec-WebSocket-Protocol: mqtt\r\nOrigin: https://elsewhere.example\r\n"))
        {
            Assert.Equal(403, foreign.Status);
        }

        await using (var known = await RawWebSocket.DialAsync(broker.Ports.Ws, extra: "Sec-WebSocket-Protocol: mqtt\r\nOrigin: https://plant.example\r\n"))
        {
            Assert.Equal(101, known.Status);
        }

        using (var nobody = await WebSocketMqtt.DialAsync(broker.Ports.Ws))
        {
            await nobody.SendAsync(new ConnectPacket { ClientId = "n" }.Encode());
            Assert.Equal(0x87, (await nobody.ReadAsync())?.Reason);
            Assert.Null(await nobody.ReadAsync());
        }

        using var meter = await WebSocketMqtt.DialAsync(broker.Ports.Ws);
        await meter.SendAsync(new ConnectPacket { ClientId = "m", Username = "meter", Password = "meter-password-1" }.Encode());
        Assert.Equal(0, (await meter.ReadAsync())?.Reason);
        await meter.SendAsync(Packets.Subscribe(MqttVersion.V500, 1, ("own/a", 1), ("other/a", 1)));
        Assert.Equal([1, 0x87], (await meter.ReadAsync())!.Reasons);
        await meter.SendAsync(Packets.Publish(MqttVersion.V500, "other/a", "x", qos: 1, packetId: 7));
        Assert.Equal(0x87, (await meter.ReadAsync())?.Reason);
    }

    [Fact]
    public async Task Start_OnAWebSocketPortInUse_ExitsWith2_AndNamesThePort()
    {
        var ports = BrokerPorts.Choose();
        using var occupant = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        occupant.Bind(new IPEndPoint(IPAddress.Loopback, ports.Ws));
        occupant.Listen();

        await using var broker = BrokerProcess.Launch(new BrokerOptions { Ports = ports });

        Assert.Equal(2, await broker.WaitForExitAsync(60));
        Assert.Contains($"{ports.Ws}", broker.Output, StringComparison.Ordinal);
        Assert.Contains("Chariot:Mqtt:WebSocketPort", broker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SigTerm_TellsWebSocketClients_AndEndsInOrder()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        using var client = await WebSocketMqtt.ConnectAsync(broker.Ports.Ws, "told");

        var stopping = broker.StopAsync();
        var last = await client.ReadAsync();

        Assert.True(last is { Type: PacketType.Disconnect, Reason: 0x8B }, $"{last}");
        Assert.Null(await client.ReadAsync());
        client.Dispose();
        Assert.Equal(0, await stopping);
    }
}
