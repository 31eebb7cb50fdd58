using System.Net;
using System.Net.WebSockets;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Chariot.SystemTests.WebSocket;

/// <summary>MQTT over plain WebSocket (MQTT 5.0 section 6, RFC 6455), with real clients and frame by frame.</summary>
public class WebSocketTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    private int Port => fixture.Broker.Ports.Ws;

    [Theory]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task MqttNet_PublishesAndReceives_AtEveryQos(MqttProtocolVersion version)
    {
        var received = System.Threading.Channels.Channel.CreateUnbounded<string>();
        using var client = new MqttClientFactory().CreateMqttClient();
        client.ApplicationMessageReceivedAsync += message => received.Writer.WriteAsync(message.ApplicationMessage.ConvertPayloadToString()!).AsTask();
        var topic = Unique.Name("ws");
        await client.ConnectAsync(new MqttClientOptionsBuilder()
            .WithWebSocketServer(server => server.WithUri($"ws://localhost:{Port}/mqtt")).WithProtocolVersion(version).WithClientId(Unique.Name("net")).Build());
        await client.SubscribeAsync(topic, MqttQualityOfServiceLevel.ExactlyOnce);

        foreach (var qos in Enum.GetValues<MqttQualityOfServiceLevel>())
        {
            await client.PublishStringAsync(topic, $"{qos}", qos);
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            Assert.Equal($"{qos}", await received.Reader.ReadAsync(deadline.Token));
        }

        await client.DisconnectAsync();
    }

    [Fact]
    public async Task LargeMessages_CrossBetweenTcpAndWebSocket()
    {
        var payload = new byte[900_000];
        Random.Shared.NextBytes(payload);
        var topic = Unique.Name("large");
        using var web = await WebSocketMqtt.ConnectAsync(Port, Unique.Name("web"));
        await using var tcp = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("tcp") });
        await web.SubscribeAsync(topic);
        await tcp.SubscribeAsync(topic);

        await web.SendAsync(Packets.Publish(MqttVersion.V500, topic, payload));

        Assert.Equal(payload, (await tcp.ReadPublishAsync()).Payload.ToArray());
        Assert.Equal(payload, (await web.ReadAsync())!.Payload.ToArray());
    }

    [Theory]
    [InlineData("mqtt")]
    [InlineData("mqttv3.1")]
    [Normative("3:6.0.0-4", "5:6.0.0-4")]
    public async Task SubProtocol_IsEchoed(string protocol)
    {
        using var client = await WebSocketMqtt.DialAsync(Port, protocol: protocol);

        // [MQTT-6.0.0-4]
        Assert.Equal(protocol, client.Socket.SubProtocol);
        Assert.False(client.Socket.HttpResponseHeaders!.ContainsKey("Server"));
        Assert.False(client.Socket.HttpResponseHeaders!.ContainsKey("Set-Cookie"));
    }

    [Theory]
    [InlineData("/mqtt", "chat", HttpStatusCode.BadRequest)]
    [InlineData("/mqtt", null, HttpStatusCode.BadRequest)]
    [InlineData("/", "mqtt", HttpStatusCode.NotFound)]
    [InlineData("/mqtt/x", "mqtt", HttpStatusCode.NotFound)]
    public async Task WrongSubProtocolOrPath_IsRefused(string path, string? protocol, HttpStatusCode status)
    {
        await using var raw = await RawWebSocket.DialAsync(Port, path, protocol is null ? "" : $"Sec-WebSocket-Protocol: {protocol}\r\n");

        Assert.Equal((int)status, raw.Status);
        Assert.DoesNotContain("\nServer:", raw.Answer, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(await raw.ReadToCloseAsync());
    }

    [Fact]
    public async Task OtherRequests_AreRefused()
    {
        await using var version = await RawWebSocket.DialAsync(Port, version: "12");
        await using var key = await RawWebSocket.DialAsync(Port, key: "short");
        using var http = new HttpClient();
        using var plain = await http.GetAsync(new Uri($"http://localhost:{Port}/mqtt"));

        Assert.Equal(426, version.Status);
        Assert.Contains("Sec-WebSocket-Version: 13", version.Answer, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(400, key.Status);
        Assert.Equal(HttpStatusCode.UpgradeRequired, plain.StatusCode);
    }

    [Fact]
    public async Task Extensions_AreNotNegotiated_AndCookiesAreIgnored()
    {
        await using var raw = await RawWebSocket.DialAsync(
            Port, extra: "Sec-WebSocket-Protocol: chat, mqtt\r\nSec-WebSocket-Extensions: permessage-deflate\r\nCookie: chariot=x\r\nOrigin: https://elsewhere.example\r\n");

        Assert.Equal(101, raw.Status);
        Assert.DoesNotContain("Sec-WebSocket-Extensions", raw.Answer, StringComparison.OrdinalIgnoreCase);
        // The sample of RFC 6455 section 1.3.
        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", raw.Answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Normative("3:6.0.0-2", "5:6.0.0-2")]
    public async Task Packets_SplitAtEveryByte_AreUnderstood(bool eachByteIsAMessage)
    {
        // [MQTT-6.0.0-2]
        using var client = await WebSocketMqtt.DialAsync(Port);
        var topic = Unique.Name("split");
        var bytes = new PacketBytes()
            .Raw(new ConnectPacket { ClientId = Unique.Name("c") }.Encode())
            .Raw(Packets.Subscribe(MqttVersion.V500, 1, (topic, 0)))
            .Raw(Packets.Publish(MqttVersion.V500, topic, "in pieces"))
            .ToArray();

        for (var i = 0; i < bytes.Length; i++)
        {
            await client.SendAsync(bytes.AsMemory(i, 1), endOfMessage: eachByteIsAMessage || i == bytes.Length - 1);
            if (i % 7 == 0)
            {
                await client.SendAsync(default, endOfMessage: eachByteIsAMessage);
            }
        }

        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync())?.Type);
        Assert.Equal(PacketType.SubAck, (await client.ReadAsync())?.Type);
        Assert.Equal("in pieces", (await client.ReadAsync())?.PayloadText);
    }

    [Fact]
    [Normative("3:6.0.0-2", "5:6.0.0-2")]
    public async Task ManyPackets_InOneFrame_AreUnderstood()
    {
        // [MQTT-6.0.0-2]
        using var client = await WebSocketMqtt.DialAsync(Port);
        var topic = Unique.Name("merged");
        var bytes = new PacketBytes()
            .Raw(new ConnectPacket { ClientId = Unique.Name("c") }.Encode())
            .Raw(Packets.Subscribe(MqttVersion.V500, 1, (topic, 0)));
        for (var i = 0; i < 100; i++)
        {
            bytes.Raw(Packets.Publish(MqttVersion.V500, topic, $"{i}"));
        }

        await client.SendAsync(bytes.ToArray());

        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync())?.Type);
        Assert.Equal(PacketType.SubAck, (await client.ReadAsync())?.Type);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal($"{i}", (await client.ReadAsync())?.PayloadText);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Normative("3:6.0.0-1", "5:6.0.0-1")]
    public async Task TextFrame_EndsTheConnectionWith1003(bool afterConnect)
    {
        // [MQTT-6.0.0-1]
        using var client = afterConnect ? await WebSocketMqtt.ConnectAsync(Port, Unique.Name("text")) : await WebSocketMqtt.DialAsync(Port);

        await client.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text);

        Assert.Null(await client.ReadAsync());
        Assert.Equal(WebSocketCloseStatus.InvalidMessageType, client.CloseStatus);
    }

    [Theory]
    [InlineData("7FFFFFFFFFFFFFFF")]
    [InlineData("8000000000000000")]
    [InlineData("0000000010000005")]
    public async Task FrameThatDeclaresTooMuch_IsRefusedAtItsHeader(string length)
    {
        await using var raw = await RawWebSocket.DialAsync(Port);
        var header = Convert.FromHexString("82FF" + length + "00000000");

        // Byte by byte: the header comes in any pieces.
        foreach (var part in header)
        {
            await raw.SendAsync([part]);
        }

        // Close, two bytes, 1009 (RFC 6455 section 7.4.1).
        Assert.Equal(Convert.FromHexString("880203F1"), await raw.ReadExactlyAsync(4));
    }

    [Fact]
    public async Task UnmaskedFrame_EndsTheConnectionWith1002()
    {
        await using var raw = await RawWebSocket.DialAsync(Port);

        await raw.SendAsync([0x82, 0x02, 0xC0, 0x00]);

        var close = await raw.ReadToCloseAsync();
        Assert.Equal(0x88, close[0]);
        Assert.Equal(1002, (close[2] << 8) | close[3]);
    }

    [Fact]
    public async Task FirstPacketThatIsNotConnect_EndsTheConnection_EvenIfTheClientDoesNot()
    {
        // [MQTT-3.1.0-1]
        await using var raw = await RawWebSocket.DialAsync(Port);

        await raw.SendAsync([0x82, 0x82, 0, 0, 0, 0, 0xC0, 0x00]);

        // Close with 1000. A client that does not answer it is cut off all the same.
        Assert.Equal(Convert.FromHexString("880203E8"), await raw.ReadToCloseAsync());
    }

    [Fact]
    public async Task PacketAboveTheLimit_IsAnsweredAsOverTcp()
    {
        using var client = await WebSocketMqtt.ConnectAsync(Port, Unique.Name("big"));

        await client.SendAsync(Convert.FromHexString("30FFFFFF7F"));

        var last = await client.ReadAsync();
        Assert.True(last is { Type: PacketType.Disconnect, Reason: 0x95 }, $"{last}");
        Assert.Null(await client.ReadAsync());
    }

    [Fact]
    public async Task Disconnect_IsFollowedByAnOrderlyClose()
    {
        using var client = await WebSocketMqtt.ConnectAsync(Port, Unique.Name("bye"));

        await client.SendAsync(Packets.Disconnect(MqttVersion.V500));

        Assert.Null(await client.ReadAsync());
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
    }

    [Fact]
    public async Task CloseFrame_IsAnswered_AndTheWillPublished()
    {
        var topic = Unique.Name("will");
        await using var watcher = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("w") });
        await watcher.SubscribeAsync(topic);
        using var client = await WebSocketMqtt.DialAsync(Port);
        await client.SendAsync(new ConnectPacket { ClientId = Unique.Name("c"), WillTopic = topic, WillPayload = "gone"u8.ToArray() }.Encode());
        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync())?.Type);

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await client.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, deadline.Token);

        Assert.Equal(WebSocketState.Closed, client.Socket.State);
        Assert.Equal("gone", (await watcher.ReadPublishAsync()).PayloadText);
    }

    [Fact]
    public async Task ConnectionThatIsCut_PublishesTheWill_AndIsNoDefect()
    {
        var topic = Unique.Name("will");
        await using var watcher = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("w") });
        await watcher.SubscribeAsync(topic);
        using var client = await WebSocketMqtt.DialAsync(Port);
        await client.SendAsync(new ConnectPacket { ClientId = Unique.Name("c"), WillTopic = topic, WillPayload = "cut"u8.ToArray() }.Encode());
        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync())?.Type);

        client.Socket.Abort();

        Assert.Equal("cut", (await watcher.ReadPublishAsync()).PayloadText);
        Assert.DoesNotContain("defect", fixture.Broker.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Kestrel", fixture.Broker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ping_IsAnswered_AndIsNoSignOfLifeToMqtt()
    {
        await using var raw = await RawWebSocket.DialAsync(Port);
        var connect = new ConnectPacket { ClientId = Unique.Name("p"), KeepAlive = 1 }.Encode();
        await raw.SendAsync([0x82, (byte)(0x80 | connect.Length), 0, 0, 0, 0, .. connect]);
        var head = await raw.ReadExactlyAsync(2);
        await raw.ReadExactlyAsync(head[1]);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(300));

        while (true)
        {
            await raw.SendAsync([0x89, 0x80, 0, 0, 0, 0]);
            head = await raw.ReadExactlyAsync(2);
            if (head[0] != 0x8A)
            {
                break;
            }

            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(8), "pings kept the connection alive");
            await timer.WaitForNextTickAsync();
        }

        // DISCONNECT with 0x8D, Keep Alive timeout [MQTT-3.1.2-22].
        var packet = await raw.ReadExactlyAsync(head[1]);
        Assert.Equal(0x82, head[0]);
        Assert.Equal([0xE0, 0x8D], [packet[0], packet[2]]);
    }

    [Fact]
    public async Task AdminApi_ShowsListenerAndClient()
    {
        var id = Unique.Name("shown");
        using var client = await WebSocketMqtt.ConnectAsync(Port, id);

        var nodes = (await fixture.Broker.Admin.GetAsync("nodes")).EnsureSuccess();
        var shown = (await fixture.Broker.Admin.GetAsync($"clients/{id}")).EnsureSuccess();

        Assert.Contains($"ws://127.0.0.1:{Port}/mqtt", nodes.Text, StringComparison.Ordinal);
        Assert.Contains("\"tls\":false", shown.Text, StringComparison.Ordinal);
    }
}
