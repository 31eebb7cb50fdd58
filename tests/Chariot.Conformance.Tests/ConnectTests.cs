using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>Sections 3.1 and 3.2: CONNECT and CONNACK.</summary>
public class ConnectTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.0-1", "5:3.1.0-1", "5:3.14.0-1")]
    public async Task FirstPacketThatIsNotConnect_ClosesWithoutAnAnswer(MqttVersion version)
    {
        foreach (var packet in new[] { Packets.PingReq, Packets.Publish(version, "a", "x"), Packets.Subscribe(version, 1, ("a", 0)), Packets.Disconnect(version), [0xF0, 0x00] })
        {
            await IsRefusedAsync(version, packet, null);
        }
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.0-2", "3:4.8.0-1", "5:3.1.0-2", "5:3.2.0-2", "5:4.13.1-1")]
    public async Task SecondConnect_IsAProtocolError(MqttVersion version) =>
        await EndsAsync(version, new ConnectPacket { Version = version, ClientId = Name("second") }.Encode(), 0x82);

    [Fact]
    [Normative("3:3.1.2-1", "5:3.1.2-1")]
    public async Task OtherProtocolName_IsNotServed()
    {
        foreach (var version in new[] { V311, V500 })
        {
            var (client, answer) = await RawMqttClient.TryConnectAsync(Port, new ConnectPacket { Version = version, ProtocolName = "MQTX", ClientId = Name("name") });
            await using (client)
            {
                Assert.True(answer is null or { Type: PacketType.ConnAck, Reason: 0x84 }, $"{answer}");
                Assert.Null(answer is null ? null : await client.ReadAsync());
            }
        }
    }

    [Fact]
    [Normative("3:3.1.2-2", "5:3.1.2-2", "5:3.2.2-8")]
    public async Task UnknownLevel_IsToldAndClosed()
    {
        await IsRefusedAsync(new ConnectPacket { Version = V311, ProtocolLevel = 2, ClientId = Name("level") }, 0x01);
        await IsRefusedAsync(new ConnectPacket { Version = V500, ProtocolLevel = 6, ClientId = Name("level") }, 0x84);
    }

    [Theory]
    [InlineData(V311, 0x03)]
    [InlineData(V500, 0x03)]
    [InlineData(V311, 0x0A)]
    [InlineData(V500, 0x12)]
    [InlineData(V311, 0x1E)]
    [InlineData(V500, 0x1E)]
    [InlineData(V311, 0x22)]
    [InlineData(V500, 0x22)]
    [Normative("3:3.1.2-3", "3:3.1.2-11", "3:3.1.2-13", "3:3.1.2-14", "3:3.1.2-15", "3:3.1.4-1", "3:3.2.2-6")]
    [Normative("5:3.1.2-3", "5:3.1.2-11", "5:3.1.2-12", "5:3.1.2-13", "5:3.1.4-1", "5:3.2.2-8", "5:4.13.2-1")]
    public async Task FlagsThatTheStandardForbids_AreMalformed(MqttVersion version, int flags)
    {
        var connect = new ConnectPacket { Version = version, ClientId = Name("flags"), Flags = flags, WillTopic = (flags & 4) != 0 ? "w" : null };
        await IsRefusedAsync(connect, version == V500 ? 0x81 : null);
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.2-9", "3:3.1.2-11", "3:3.1.2-18", "3:3.1.2-19", "3:3.1.2-20", "3:3.1.2-21", "3:3.1.3-1", "3:3.1.3-3", "3:3.1.4-1")]
    [Normative("5:3.1.2-9", "5:3.1.2-16", "5:3.1.2-17", "5:3.1.2-18", "5:3.1.2-19", "5:3.1.3-1", "5:3.1.3-3", "5:3.1.4-1")]
    public async Task PayloadThatIsNotWhatTheFlagsSay_IsMalformed(MqttVersion version)
    {
        int? refusal = version == V500 ? 0x81 : null;
        var connect = new ConnectPacket { Version = version, ClientId = Name("payload") };
        // Flag without its field, and field without its flag.
        await IsRefusedAsync(connect with { Flags = 0x82 }, refusal);
        await IsRefusedAsync(connect with { Flags = 0xC2, Username = "u" }, refusal);
        await IsRefusedAsync(connect with { Flags = 0x06 }, refusal);
        await IsRefusedAsync(connect with { Flags = 0x02, Username = "u" }, refusal);
        await IsRefusedAsync(connect with { Flags = 0x82, Username = "u", Password = "p" }, refusal);
        await IsRefusedAsync(connect with { Flags = 0x02, WillTopic = "w" }, refusal);
        // No client id at all.
        var whole = connect.Encode();
        var cut = whole[..^(2 + connect.ClientId.Length)];
        cut[1] = (byte)(cut.Length - 2);
        await IsRefusedAsync(version, cut, refusal);
    }

    [Fact]
    [Normative("3:3.1.2-22", "3:3.1.4-1")]
    public async Task PasswordWithoutUserName_IsMalformedIn311() =>
        await IsRefusedAsync(new ConnectPacket { Version = V311, ClientId = Name("nameless"), Password = "x" }, null);

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.3-5", "3:3.1.4-4", "3:3.2.0-1", "3:7.0.0-2", "3:7.1.1-1", "5:3.1.3-5", "5:3.1.4-5", "5:3.2.0-1", "5:3.2.0-2", "5:3.2.2-1", "5:4.2-1", "5:4.12.0-6")]
    public async Task ClientIdsOfLettersAndDigits_AreAccepted_WithOneConnAckFirst(MqttVersion version)
    {
        foreach (var id in new[] { "a", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ" })
        {
            await using var client = await ConnectAsync(version, new ConnectPacket { ClientId = id });
            Assert.Equal(0, client.ConnAck!.Body[0]);
            Assert.Null(client.ConnAck.Property(PropertyId.AuthenticationMethod));
            await client.SendAsync(Packets.PingReq);
            Assert.Equal(PacketType.PingResp, (await client.ReadAsync())!.Type);
        }
    }

    [Fact]
    [Normative("3:3.1.3-6", "3:3.1.3-7", "3:3.1.3-8", "3:3.2.2-4", "3:3.2.2-5")]
    public async Task EmptyClientId_In311_NeedsACleanSession()
    {
        await IsRefusedAsync(new ConnectPacket { Version = V311, Clean = false }, 0x02);

        // Two of them do not meet: each got an id of its own.
        await using var first = await RawMqttClient.ConnectAsync(Port, new ConnectPacket { Version = V311 });
        await using var second = await RawMqttClient.ConnectAsync(Port, new ConnectPacket { Version = V311 });
        await first.SubscribeAsync(Name("assigned/"));
        await second.SubscribeAsync(Name("assigned/"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Normative("5:3.1.3-6", "5:3.1.3-7", "5:3.2.2-16")]
    public async Task EmptyClientId_In5_IsAssigned_AndCanBeUsedToComeBack(bool clean)
    {
        var connect = new ConnectPacket { Clean = clean, SessionExpiry = 60 };
        await using var other = await RawMqttClient.ConnectAsync(Port, connect);
        var client = await RawMqttClient.ConnectAsync(Port, connect);
        var id = Assert.IsType<string>(client.ConnAck!.Property(PropertyId.AssignedClientIdentifier));
        Assert.NotEmpty(id);
        Assert.NotEqual(other.ConnAck!.Property(PropertyId.AssignedClientIdentifier), id);
        await client.DisconnectAsync();

        await using var back = await RawMqttClient.ConnectAsync(Port, connect with { ClientId = id, Clean = false });
        Assert.True(back.ConnAck!.SessionPresent);
        Assert.Null(back.ConnAck.Property(PropertyId.AssignedClientIdentifier));
    }

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.3-9", "3:3.2.2-4", "3:3.2.2-5", "5:3.1.3-8", "5:3.2.2-6", "5:3.2.2-7", "5:3.2.2-8", "5:4.13.2-1", "5:3.14.0-1")]
    public async Task RejectedClientId_IsToldAndClosed(MqttVersion version) =>
        await IsRefusedAsync(new ConnectPacket { Version = version, ClientId = "control\u0007character" }, version == V500 ? 0x85 : 0x02);

    [Theory]
    [InlineData(V311)]
    [InlineData(V500)]
    [Normative("3:3.1.4-5", "3:3.2.2-4", "3:3.2.2-5", "5:3.1.4-2", "5:3.1.4-6", "5:3.2.2-6", "5:3.2.2-7", "5:4.13.2-1", "5:3.14.0-1")]
    public async Task WhatFollowsARefusedConnect_IsNotProcessed(MqttVersion version)
    {
        var topic = Name("smuggled/");
        await using var observer = await ConnectAsync();
        await observer.SubscribeAsync(topic);
        var connect = new ConnectPacket { Version = version, ClientId = Name("intruder"), Username = "nobody", Password = "wrong" };
        await IsRefusedAsync(version, [.. connect.Encode(), .. Packets.Publish(version, topic, "smuggled")], version == V500 ? 0x86 : 0x04);

        Assert.Empty(await observer.DrainPublishesAsync());
    }

    [Fact]
    [Normative("5:3.1.4-6", "5:3.2.0-1", "5:3.1.4-5")]
    public async Task WhatFollowsAnAcceptedConnect_IsProcessed_BehindConnAck()
    {
        var topic = Name("early/");
        await using var client = await RawMqttClient.DialAsync(Port);
        await client.SendAsync((byte[])[.. new ConnectPacket { ClientId = Name("early") }.Encode(), .. Packets.Subscribe(V500, 1, (topic, 1)), .. Packets.Publish(V500, topic, "x", 1, 2)]);
        Assert.Equal(PacketType.ConnAck, (await client.ReadAsync())!.Type);
        Assert.Equal("x", (await client.ReadPublishAsync()).PayloadText);
        await client.WaitForAsync(PacketType.PubAck);
    }

    [Theory]
    [InlineData(PropertyId.ReceiveMaximum, "0000")]
    [InlineData(PropertyId.MaximumPacketSize, "00000000")]
    [InlineData(PropertyId.RequestProblemInformation, "02")]
    [InlineData(PropertyId.RequestResponseInformation, "02")]
    [Normative("5:3.1.4-1", "5:4.13.1-1", "5:3.2.2-8")]
    public async Task PropertyThatMayNotHaveItsValue_IsAProtocolError(PropertyId id, string value) =>
        await IsRefusedAsync(new ConnectPacket { ClientId = Name("property"), Properties = Property(id).Raw(Convert.FromHexString(value)) }, 0x82);

    [Fact]
    [Normative("5:3.1.2-28")]
    public async Task ResponseInformation_IsNotSentToWhoDidNotAsk()
    {
        foreach (var properties in new[] { null, Property(PropertyId.RequestResponseInformation).Byte(0) })
        {
            await using var client = await ConnectAsync(V500, new ConnectPacket { Properties = properties });
            Assert.Null(client.ConnAck!.Property(PropertyId.ResponseInformation));
        }
    }

    [Fact]
    [Normative("5:3.2.2-19", "5:3.1.2-24")]
    public async Task ConnAck_OfARefusal_FitsTheClientsMaximum()
    {
        var connect = new ConnectPacket { ClientId = "bad\u0007", Properties = Property(PropertyId.MaximumPacketSize).FourBytes(5) };
        var (client, answer) = await RawMqttClient.TryConnectAsync(Port, connect);
        await using (client)
        {
            Assert.True(answer is null || answer.Body.Length + 2 <= 5, $"{answer} of {answer?.Body.Length + 2} bytes");
        }
    }

    [Fact]
    [Normative("5:4.12.0-1", "5:3.2.2-8")]
    public async Task UnknownAuthenticationMethod_IsRefused() =>
        await IsRefusedAsync(new ConnectPacket { ClientId = Name("auth"), Properties = Property(PropertyId.AuthenticationMethod).Text("NO-SUCH-METHOD") }, 0x8C);

    [Fact]
    [Normative("5:4.12.0-7", "5:4.12.0-6", "5:3.15.1-1", "5:4.13.1-1")]
    public async Task AuthWithoutAMethodInConnect_IsAProtocolError_AndItsFlagsAreChecked()
    {
        await EndsAsync(V500, [0xF0, 0x02, 0x18, 0x00], 0x82);
        await EndsAsync(V500, new PacketBytes().Byte(0x19).Properties(Property(PropertyId.AuthenticationMethod).Text("SCRAM-SHA-256")).ToPacket(PacketType.Auth), 0x82);
        await EndsAsync(V500, [0xF1, 0x02, 0x18, 0x00], 0x81);
    }

    [Fact]
    public async Task Mqtt31_IsServed_WithoutSessionPresent_AndWithItsDupFlags()
    {
        var connect = new ConnectPacket { ProtocolName = "MQIsdp", ProtocolLevel = 3, ClientId = Name("old"), Clean = false };
        await using (var first = await ConnectAsync(V311, connect))
        {
            await first.SubscribeAsync(connect.ClientId, 1);
        }

        await PublishFromElsewhereAsync(connect.ClientId, "waits");
        await using var back = await ConnectAsync(V311, connect);
        // Byte 1 of CONNACK is reserved in MQTT 3.1 (section 3.2).
        Assert.Equal(0, back.ConnAck!.Body[0]);
        Assert.Equal("waits", (await back.ReadPublishAsync()).PayloadText);
        // Its PUBREL, SUBSCRIBE and UNSUBSCRIBE may have DUP (section 2.1).
        var repeated = Packets.Acknowledge(PacketType.PubRel, 77);
        repeated[0] |= 0x08;
        await back.SendAsync(repeated);
        Assert.Equal(77, (await back.WaitForAsync(PacketType.PubComp)).PacketId);
    }
}
