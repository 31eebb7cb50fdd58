using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

/// <summary>Well-formed packets that ask for what is not given.</summary>
public class HostileRequestTests(BrokerFixture fixture) : IClassFixture<BrokerFixture>
{
    private const MqttVersion V311 = MqttVersion.V311;
    private const MqttVersion V500 = MqttVersion.V500;

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task RequestsUnderOneId_BeforeTheFirstIsAnswered_AreEachAnsweredOnce(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        byte[] requests =
        [
            .. Packets.Subscribe(version, 7, ("one", 1)), .. Packets.Subscribe(version, 7, ("two", 1)),
            .. Packets.Unsubscribe(version, 7, "one"), .. Packets.Unsubscribe(version, 7, "two"), .. Packets.PingReq,
        ];
        await client.SendAsync(requests);

        List<(PacketType, int)> answers = [];
        ReceivedPacket? packet;
        while ((packet = await client.ReadAsync())?.Type != PacketType.PingResp)
        {
            answers.Add((packet!.Type, packet.PacketId));
        }

        Assert.Equal([(PacketType.SubAck, 7), (PacketType.SubAck, 7), (PacketType.UnsubAck, 7), (PacketType.UnsubAck, 7)], answers);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task ControlCharactersInTopics_AreKeptByteForByte(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        var prefix = Unique.Name("control/");
        await client.SubscribeAsync(prefix + "/#", 1);
        foreach (var level in new[] { "\u0001", "\r\nSUB x", "\u001B[2J", "\uFFFE", "\u0085", "\u202Ex" })
        {
            await client.PublishAsync($"{prefix}/{level}", "x", 1);
            Assert.Equal($"{prefix}/{level}", (await client.ReadPublishAsync()).Topic);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task InvalidFilters_AreRefusedEachByItself_AndTheOthersGranted(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        string[] filters = ["a/#/b", "good/1", "a#", "a+", "#/", "+a/b", "good/#"];
        await client.SendAsync(Packets.Subscribe(version, 1, [.. filters.Select(filter => (filter, 1))]));

        var refusal = version == V500 ? 0x8F : 0x80;
        Assert.Equal([refusal, 1, refusal, refusal, refusal, refusal, 1], (await client.WaitForAsync(PacketType.SubAck)).Reasons.Select(reason => (int)reason));
    }

    [Fact]
    public async Task UserProperties_UpTo64AreTaken_AndMoreEndTheConnection()
    {
        await using var client = await ConnectAsync(V500);
        foreach (var count in new[] { 63, 64 })
        {
            await client.SendAsync(Packets.Publish(V500, "properties", "x"u8, 1, count, properties: UserProperties(count)));
            Assert.True((await client.WaitForAsync(PacketType.PubAck)).Reason < 0x80);
        }

        await Hostility.IsEndedAsync(fixture.Port, V500, Packets.Publish(V500, "properties", "x"u8, 1, 1, properties: UserProperties(65)), 0x97);
        await Hostility.IsEndedAsync(fixture.Port, V500, Packets.Publish(V500, "properties", "x"u8, 1, 1, properties: UserProperties(10_000)), 0x97);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task TopicsAndFilters_UpTo32LevelsAreTaken_AndMoreRefused(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        foreach (var levels in new[] { 31, 32 })
        {
            var topic = string.Concat(Enumerable.Repeat("/", levels - 1));
            Assert.Equal(1, await client.SubscribeAsync(topic, 1));
            await client.PublishAsync(topic, "x", 1);
            Assert.Equal(topic, (await client.ReadPublishAsync()).Topic);
        }

        var refusal = version == V500 ? 0x8F : 0x80;
        Assert.Equal(refusal, await client.SubscribeAsync(new string('/', 32), 1));
        Assert.Equal(refusal, await client.SubscribeAsync(string.Concat(Enumerable.Repeat("+/", 32_000)), 1));
        Assert.Equal(refusal, await client.SubscribeAsync(new string('/', 65_535), 1));
        await Hostility.IsEndedAsync(fixture.Port, version, Packets.Publish(version, new string('/', 32), "x"), 0x90);
        await Hostility.IsEndedAsync(fixture.Port, version, Packets.Publish(version, new string('/', 65_535), "x"), 0x90);
    }

    [Theory]
    [InlineData("$x")]
    [InlineData("$CONTROL/dynamic-security/v1")]
    [InlineData("$SYS/broker/uptime")]
    [InlineData("$share/g/t")]
    [InlineData("$internal")]
    public async Task DollarTopics_AreDeniedToWhoMayPublishEverything(string topic)
    {
        await using var observer = await ConnectAsync(V500);
        await observer.SubscribeAsync("#", 1);
        await observer.SubscribeAsync("t", 1);
        await using var client = await ConnectAsync(V500);
        await using var old = await ConnectAsync(V311);

        Assert.Equal(0x87, await client.PublishAsync(topic, "x", 1));
        Assert.Equal(0x87, await client.PublishAsync(topic, "x", 2));
        await client.PublishAsync(topic, "x");
        await old.PublishAsync(topic, "x", 1);
        await old.PublishAsync(topic, "x");
        await client.DrainPublishesAsync();
        await old.DrainPublishesAsync();

        Assert.DoesNotContain(await observer.DrainPublishesAsync(), message => message.Topic[0] == '$' || message.Topic == "t");
    }

    [Fact]
    public async Task ProxyHeader_OfWhomever_IsNoMqtt()
    {
        byte[][] headers = ["PROXY TCP4 192.0.2.1 192.0.2.2 1 1883\r\n"u8.ToArray(), [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]];
        foreach (var header in headers)
        {
            await using var client = await RawMqttClient.DialAsync(fixture.Port);
            await client.SendAsync((byte[])[.. header, .. new ConnectPacket { ClientId = Unique.Name("proxied") }.Encode()]);

            Assert.Null(await client.ReadToCloseAsync());
        }
    }

    [Fact]
    public async Task PayloadFormat_IsForwarded_NotVerified()
    {
        await using var client = await ConnectAsync(V500);
        var topic = Unique.Name("format/");
        await client.SubscribeAsync(topic, 1);
        byte[] payload = [0xC0, 0x80, 0xFF];
        await client.SendAsync(Packets.Publish(V500, topic, payload, properties: new PacketBytes().Byte((int)PropertyId.PayloadFormatIndicator).Byte(1)));

        var message = await client.ReadPublishAsync();
        Assert.Equal(payload, message.Payload.ToArray());
        Assert.Equal((byte)1, Convert.ToByte(message.Property(PropertyId.PayloadFormatIndicator), System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task PubAckForAQos2Message_EndsTheConnection(MqttVersion version)
    {
        await using var client = await ConnectAsync(version);
        client.AutoAcknowledge = false;
        var topic = Unique.Name("two/");
        await client.SubscribeAsync(topic, 2);
        await using (var publisher = await ConnectAsync(V500))
        {
            await publisher.PublishAsync(topic, "x", 2);
        }

        var message = await client.ReadPublishAsync();
        await client.SendAsync(Packets.Acknowledge(PacketType.PubAck, message.PacketId));

        var last = await client.ReadToCloseAsync();
        Assert.Equal(version == V500 ? 0x82 : (int?)null, last?.Reason);
    }

    [Fact]
    public async Task SessionExpiryForEver_IsCapped_AndTold()
    {
        await using var client = await RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { ClientId = Unique.Name("ever"), SessionExpiry = uint.MaxValue });

        Assert.Equal(7u * 24 * 3600, client.ConnAck!.Property(PropertyId.SessionExpiryInterval));
        await client.DisconnectAsync(sessionExpiry: 0);
    }

    [Theory]
    [InlineData("will/#", 0x05, 0x90)]
    [InlineData("will/+/x", 0x05, 0x90)]
    [InlineData("", 0x05, 0x90)]
    [InlineData("$SYS/will", 0x05, 0x87)]
    [InlineData("$share/g/will", 0x05, 0x87)]
    public async Task WillThatMayNotBePublished_IsRefusedAtConnect(string topic, int code311, int code500)
    {
        foreach (var version in new[] { V311, V500 })
        {
            await Hostility.IsRefusedAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("will"), WillTopic = topic }, code311, code500);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    public async Task WillThatIsTooLarge_IsRefusedAtConnect(MqttVersion version)
    {
        var connect = new ConnectPacket { Version = version, ClientId = Unique.Name("will"), WillTopic = "will", WillPayload = new byte[65_000] };
        await using (await RawMqttClient.ConnectAsync(fixture.Port, connect))
        {
        }

        await using var client = await RawMqttClient.DialAsync(fixture.Port, version);
        await client.SendAsync((connect with { WillPayload = new byte[65_535] }).Encode());
        var last = await client.ReadToCloseAsync();
        Assert.Equal(version == V500 ? 0x95 : (int?)null, last?.Reason);
    }

    [Fact]
    public async Task MqttPath_OnTheAdminPort_IsNotFound()
    {
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await fixture.Broker.Admin.GetRootAsync("mqtt")).Status);
    }

    private Task<RawMqttClient> ConnectAsync(MqttVersion version) =>
        RawMqttClient.ConnectAsync(fixture.Port, new ConnectPacket { Version = version, ClientId = Unique.Name("request") });

    private static PacketBytes UserProperties(int count)
    {
        var properties = new PacketBytes();
        for (var i = 0; i < count; i++)
        {
            properties.Byte((int)PropertyId.UserProperty).Text("k").Text("v");
        }

        return properties;
    }
}
