using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using MQTTnet.Adapter;
using MQTTnet.Formatter;
using MQTTnet.Packets;
using MQTTnet.Protocol;

namespace Chariot.Edge.Tests.Codec;

/// <summary>What an independent client library writes is read, and what is written is read by it.</summary>
public sealed class RoundTripTests
{
    private static readonly List<MqttUserProperty> UserProperties = [new("k", new ArraySegment<byte>("v"u8.ToArray())), new("k", new ArraySegment<byte>("w"u8.ToArray()))];

    [Fact]
    public void Connect_In311_IsRead()
    {
        var body = Encode(FullConnect(), ProtocolVersion.V311, out _);

        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeConnect(body, out var packet));
        Assert.Equal(ProtocolVersion.V311, packet.Version);
        AssertFullConnect(packet);
        Assert.Equal(uint.MaxValue, packet.SessionExpirySeconds);
        Assert.Null(packet.Will!.MessageExpirySeconds);
    }

    [Fact]
    public void Connect_In31_IsRead()
    {
        var body = Encode(FullConnect(), ProtocolVersion.V310, out _);

        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeConnect(body, out var packet));
        Assert.Equal(ProtocolVersion.V310, packet.Version);
        AssertFullConnect(packet);
    }

    [Fact]
    public void Connect_In50_IsReadWithItsProperties()
    {
        var body = Encode(FullConnect(), ProtocolVersion.V500, out _);

        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeConnect(body, out var packet));
        Assert.Equal(ProtocolVersion.V500, packet.Version);
        AssertFullConnect(packet);
        Assert.Equal(3600u, packet.SessionExpirySeconds);
        Assert.Equal(11, packet.ReceiveMaximum);
        Assert.Equal(9000u, packet.MaximumPacketSize);
        Assert.Equal(5, packet.TopicAliasMaximum);
        Assert.True(packet.RequestResponseInformation);
        Assert.False(packet.RequestProblemInformation);
        Assert.Equal("method", packet.AuthenticationMethod);
        Assert.Equal([1, 2], packet.AuthenticationData);
        Assert.Equal(7u, packet.Will!.DelaySeconds);
        Assert.Equal(8u, packet.Will.MessageExpirySeconds);

        // What a subscriber reads of the will's properties.
        var publish = Published(ProtocolVersion.V500, packet.Will.Topic, packet.Will.Properties, null, [], packet.Will.Payload);
        Assert.Equal("text/plain", publish.ContentType);
        Assert.Equal("reply", publish.ResponseTopic);
        Assert.Equal([4, 5], publish.CorrelationData);
        Assert.Equal(MqttPayloadFormatIndicator.CharacterData, publish.PayloadFormatIndicator);
        Assert.Equal(["v", "w"], publish.UserProperties.Select(property => property.ReadValueAsString()));
        Assert.Equal(0u, publish.MessageExpiryInterval);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void Connect_WithoutAnything_IsRead(byte level)
    {
        var body = Encode(new MqttConnectPacket { ClientId = "", CleanSession = true, RequestProblemInformation = true }, (ProtocolVersion)level, out _);

        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeConnect(body, out var packet));
        Assert.Equal("", packet.ClientId);
        Assert.True(packet.CleanStart);
        Assert.Null(packet.Username);
        Assert.Null(packet.Password);
        Assert.Null(packet.Will);
        Assert.Equal(0u, packet.SessionExpirySeconds);
        Assert.Equal(ushort.MaxValue, packet.ReceiveMaximum);
        Assert.True(packet.RequestProblemInformation);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void SubscribeAndUnsubscribe_AreRead(byte level)
    {
        var version = (ProtocolVersion)level;
        var subscribe = new MqttSubscribePacket { PacketIdentifier = 77, SubscriptionIdentifier = level == 5 ? 300u : 0, UserProperties = level == 5 ? UserProperties : null };
        subscribe.TopicFilters.Add(new MqttTopicFilter { Topic = "a/+", QualityOfServiceLevel = MqttQualityOfServiceLevel.ExactlyOnce });
        subscribe.TopicFilters.Add(new MqttTopicFilter
        {
            Topic = "töpf/#",
            QualityOfServiceLevel = MqttQualityOfServiceLevel.AtLeastOnce,
            NoLocal = level == 5,
            RetainAsPublished = level == 5,
            RetainHandling = level == 5 ? MqttRetainHandling.DoNotSendOnSubscribe : MqttRetainHandling.SendAtSubscribe,
        });
        var unsubscribe = new MqttUnsubscribePacket { PacketIdentifier = 78, UserProperties = level == 5 ? UserProperties : null, TopicFilters = { "a/+", "töpf/#" } };

        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeSubscribe(Encode(subscribe, version, out var header), version, out var subscribed));
        Assert.Equal(ReasonCode.Success, PacketFraming.CheckHeader(header, version));
        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeUnsubscribe(Encode(unsubscribe, version, out header), version, out var unsubscribed));
        Assert.Equal(ReasonCode.Success, PacketFraming.CheckHeader(header, version));

        Assert.Equal(77, subscribed.PacketId);
        Assert.Equal(
            [
                new SubscriptionRecord("a/+", QualityOfService.ExactlyOnce) { SubscriptionIdentifier = subscribe.SubscriptionIdentifier },
                new SubscriptionRecord("töpf/#", QualityOfService.AtLeastOnce)
                {
                    NoLocal = level == 5,
                    RetainAsPublished = level == 5,
                    RetainHandling = level == 5 ? (byte)2 : (byte)0,
                    SubscriptionIdentifier = subscribe.SubscriptionIdentifier,
                },
            ],
            subscribed.Subscriptions.ToArray());
        Assert.Equal(78, unsubscribed.PacketId);
        Assert.Equal(["a/+", "töpf/#"], unsubscribed.Filters.ToArray());
    }

    [Fact]
    public void DisconnectAuthAndPing_AreRead()
    {
        var disconnect = new MqttDisconnectPacket
        {
            ReasonCode = MqttDisconnectReasonCode.DisconnectWithWillMessage,
            SessionExpiryInterval = 9,
            ReasonString = "bye",
            UserProperties = UserProperties,
        };
        var auth = new MqttAuthPacket
        {
            ReasonCode = MqttAuthenticateReasonCode.ContinueAuthentication,
            AuthenticationMethod = "m",
            AuthenticationData = [1, 2, 3],
            UserProperties = UserProperties,
        };

        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeDisconnect(Encode(disconnect, ProtocolVersion.V500, out _), ProtocolVersion.V500, out var ended));
        Assert.Equal(new DisconnectPacket(ReasonCode.DisconnectWithWill, 9), ended);
        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeDisconnect(Encode(new MqttDisconnectPacket(), ProtocolVersion.V311, out _), ProtocolVersion.V311, out ended));
        Assert.Equal(default, ended);
        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeAuth(Encode(auth, ProtocolVersion.V500, out _), out var read));
        Assert.Equal((ReasonCode.ContinueAuthentication, "m"), (read.Reason, read.Method));
        Assert.Equal([1, 2, 3], read.Data);
        Assert.Equal(ReasonCode.Success, PacketDecoder.DecodePing(Encode(new MqttPingReqPacket(), ProtocolVersion.V311, out var header)));
        Assert.Equal(0xC0, header);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void Acknowledgements_AreReadAndWritten(byte level)
    {
        var version = (ProtocolVersion)level;
        var buffer = new byte[64];
        MqttPacketWithIdentifier[] sent =
        [
            new MqttPubAckPacket { PacketIdentifier = 513, ReasonCode = MqttPubAckReasonCode.QuotaExceeded, ReasonString = "full" },
            new MqttPubRecPacket { PacketIdentifier = 513, ReasonCode = MqttPubRecReasonCode.QuotaExceeded, ReasonString = "full" },
            new MqttPubRelPacket { PacketIdentifier = 513, ReasonCode = MqttPubRelReasonCode.PacketIdentifierNotFound, ReasonString = "full" },
            new MqttPubCompPacket { PacketIdentifier = 513, ReasonCode = MqttPubCompReasonCode.PacketIdentifierNotFound, ReasonString = "full" },
        ];
        foreach (var packet in sent)
        {
            var body = Encode(packet, version, out var header);
            var type = (PacketType)(header >> 4);

            Assert.Equal(ReasonCode.Success, PacketDecoder.DecodeAck(type, body, version, out var id, out var reason));
            Assert.Equal(513, id);
            Assert.Equal(level == 4 ? ReasonCode.Success : type <= PacketType.PubRec ? ReasonCode.QuotaExceeded : ReasonCode.PacketIdentifierNotFound, reason);

            var written = PacketWriter.WriteAck(buffer, type, version, 513, reason, "full");
            var read = Decode<MqttPacketWithIdentifier>(buffer.AsSpan(0, written), version);
            Assert.Equal(packet.GetType(), read.GetType());
            Assert.Equal(513, read.PacketIdentifier);
            if (read is MqttPubAckPacket ack && level == 5)
            {
                Assert.Equal((MqttPubAckReasonCode.QuotaExceeded, "full"), (ack.ReasonCode, ack.ReasonString));
            }
        }
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(4, 2)]
    [InlineData(5, 0)]
    [InlineData(5, 1)]
    public void Publish_IsReadAndWritten(byte level, byte qos)
    {
        var version = (ProtocolVersion)level;
        var packet = new MqttPublishPacket
        {
            Topic = "töpf/a",
            PacketIdentifier = qos == 0 ? (ushort)0 : (ushort)514,
            QualityOfServiceLevel = (MqttQualityOfServiceLevel)qos,
            Retain = true,
            PayloadSegment = new ArraySegment<byte>([1, 2, 3]),
        };
        if (level == 5)
        {
            packet.ContentType = "text/plain";
            packet.ResponseTopic = "reply";
            packet.CorrelationData = [4, 5];
            packet.MessageExpiryInterval = 99;
            packet.TopicAlias = 3;
            packet.PayloadFormatIndicator = MqttPayloadFormatIndicator.CharacterData;
            packet.UserProperties = UserProperties;
        }

        var body = Encode(packet, version, out var header);

        Assert.Equal(ReasonCode.Success, PublishReader.TryRead(header, body, version, out var view));
        Assert.Equal("töpf/a", Encoding.UTF8.GetString(view.Topic));
        Assert.Equal((packet.PacketIdentifier, (QualityOfService)qos, true, false), (view.PacketId, view.Qos, view.Retain, view.Dup));
        Assert.Equal([1, 2, 3], view.Payload.ToArray());
        Assert.Equal(level == 5 ? 99u : null, view.MessageExpirySeconds);
        Assert.Equal(level == 5 ? 3 : 0, view.TopicAlias);

        var properties = new byte[view.PropertiesLength];
        view.CopyProperties(properties);
        var read = Published(version, view.Topic, properties, view.MessageExpirySeconds, [1, 70_000], view.Payload);
        Assert.Equal("töpf/a", read.Topic);
        Assert.Equal([1, 2, 3], System.Buffers.BuffersExtensions.ToArray(read.Payload));
        if (level == 5)
        {
            Assert.Equal(99u, read.MessageExpiryInterval);
            Assert.Equal(0, read.TopicAlias);
            Assert.Equal([1u, 70_000u], read.SubscriptionIdentifiers);
            Assert.Equal("text/plain", read.ContentType);
            Assert.Equal("reply", read.ResponseTopic);
            Assert.Equal([4, 5], read.CorrelationData);
            Assert.Equal(["v", "w"], read.UserProperties.Select(property => property.ReadValueAsString()));
        }
    }

    [Fact]
    public void ConnAck_IsWrittenWithItsProperties()
    {
        var buffer = new byte[256];
        var length = PacketWriter.WriteConnAck(buffer, ProtocolVersion.V500, ReasonCode.Success, true, new ConnAckProperties
        {
            SessionExpirySeconds = 1,
            ReceiveMaximum = 2,
            RetainAvailable = true,
            MaximumPacketSize = 3,
            AssignedClientId = "id",
            TopicAliasMaximum = 4,
            ReasonString = "reason",
            WildcardSubscriptionAvailable = true,
            SubscriptionIdentifiersAvailable = true,
            SharedSubscriptionAvailable = true,
            ServerKeepAliveSeconds = 5,
            ServerReference = "other",
            AuthenticationMethod = "m",
            AuthenticationData = new byte[] { 6 },
        });

        var read = Decode<MqttConnAckPacket>(buffer.AsSpan(0, length), ProtocolVersion.V500);

        Assert.True(read.IsSessionPresent);
        Assert.Equal(MqttConnectReasonCode.Success, read.ReasonCode);
        Assert.Equal((1u, (ushort)2, 3u, (ushort)4, (ushort)5), (read.SessionExpiryInterval, read.ReceiveMaximum, read.MaximumPacketSize, read.TopicAliasMaximum, read.ServerKeepAlive));
        Assert.Equal(("id", "reason", "other", "m"), (read.AssignedClientIdentifier, read.ReasonString, read.ServerReference, read.AuthenticationMethod));
        Assert.Equal([6], read.AuthenticationData);
        Assert.True(read.RetainAvailable && read.WildcardSubscriptionAvailable && read.SubscriptionIdentifiersAvailable && read.SharedSubscriptionAvailable);

        length = PacketWriter.WriteConnAck(buffer, ProtocolVersion.V311, ReasonCode.NotAuthorized, false, default);
        Assert.Equal(MqttConnectReturnCode.ConnectionRefusedNotAuthorized, Decode<MqttConnAckPacket>(buffer.AsSpan(0, length), ProtocolVersion.V311).ReturnCode);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void OtherAnswers_AreWritten(byte level)
    {
        var version = (ProtocolVersion)level;
        var buffer = new byte[256];

        var length = PacketWriter.WriteSubAck(buffer, version, 515, [ReasonCode.GrantedQos2, ReasonCode.NotAuthorized], "why");
        var subAck = Decode<MqttSubAckPacket>(buffer.AsSpan(0, length), version);
        Assert.Equal(515, subAck.PacketIdentifier);
        Assert.Equal(
            [MqttSubscribeReasonCode.GrantedQoS2, level == 5 ? MqttSubscribeReasonCode.NotAuthorized : MqttSubscribeReasonCode.UnspecifiedError],
            subAck.ReasonCodes);

        length = PacketWriter.WriteUnsubAck(buffer, version, 516, [ReasonCode.Success, ReasonCode.NoSubscriptionExisted], "why");
        var unsubAck = Decode<MqttUnsubAckPacket>(buffer.AsSpan(0, length), version);
        Assert.Equal(516, unsubAck.PacketIdentifier);

        length = PacketWriter.WritePingResp(buffer);
        Decode<MqttPingRespPacket>(buffer.AsSpan(0, length), version);
        if (level == 4)
        {
            return;
        }

        Assert.Equal("why", subAck.ReasonString);
        Assert.Equal([MqttUnsubscribeReasonCode.Success, MqttUnsubscribeReasonCode.NoSubscriptionExisted], unsubAck.ReasonCodes);

        length = PacketWriter.WriteDisconnect(buffer, ReasonCode.UseAnotherServer, "why", "other");
        var disconnect = Decode<MqttDisconnectPacket>(buffer.AsSpan(0, length), version);
        Assert.Equal((MqttDisconnectReasonCode.UseAnotherServer, "why", "other"), (disconnect.ReasonCode, disconnect.ReasonString, disconnect.ServerReference));

        length = PacketWriter.WriteAuth(buffer, ReasonCode.ContinueAuthentication, "m", [1, 2], "why");
        var auth = Decode<MqttAuthPacket>(buffer.AsSpan(0, length), version);
        Assert.Equal((MqttAuthenticateReasonCode.ContinueAuthentication, "m", "why"), (auth.ReasonCode, auth.AuthenticationMethod, auth.ReasonString));
        Assert.Equal([1, 2], auth.AuthenticationData);
    }

    private static MqttConnectPacket FullConnect() => new()
    {
        ClientId = "client",
        CleanSession = false,
        KeepAlivePeriod = 61,
        Username = "usér",
        Password = [0, 255],
        WillFlag = true,
        WillTopic = "will/töpf",
        WillMessage = [9, 8],
        WillQoS = MqttQualityOfServiceLevel.ExactlyOnce,
        WillRetain = true,
        WillDelayInterval = 7,
        WillMessageExpiryInterval = 8,
        WillContentType = "text/plain",
        WillResponseTopic = "reply",
        WillCorrelationData = [4, 5],
        WillPayloadFormatIndicator = MqttPayloadFormatIndicator.CharacterData,
        WillUserProperties = UserProperties,
        SessionExpiryInterval = 3600,
        ReceiveMaximum = 11,
        MaximumPacketSize = 9000,
        TopicAliasMaximum = 5,
        RequestResponseInformation = true,
        RequestProblemInformation = false,
        AuthenticationMethod = "method",
        AuthenticationData = [1, 2],
        UserProperties = UserProperties,
    };

    private static void AssertFullConnect(ConnectPacket packet)
    {
        Assert.Equal(("client", false, (ushort)61, "usér"), (packet.ClientId, packet.CleanStart, packet.KeepAliveSeconds, packet.Username));
        Assert.Equal([0, 255], packet.Password);
        Assert.NotNull(packet.Will);
        Assert.Equal("will/töpf", Encoding.UTF8.GetString(packet.Will.Topic));
        Assert.Equal([9, 8], packet.Will.Payload);
        Assert.Equal((QualityOfService.ExactlyOnce, true), (packet.Will.QualityOfService, packet.Will.Retain));
    }

    private static MqttPublishPacket Published(
        ProtocolVersion version, ReadOnlySpan<byte> topic, ReadOnlySpan<byte> properties, uint? expiry, ReadOnlySpan<uint> ids, ReadOnlySpan<byte> payload)
    {
        var buffer = new byte[1024];
        var length = PublishWriter.Write(buffer, version, topic, QualityOfService.AtLeastOnce, false, false, 5, properties, expiry, ids, payload, out _);
        return Decode<MqttPublishPacket>(buffer.AsSpan(0, length), version);
    }

    /// <summary>The body of a packet as MQTTnet writes it.</summary>
    private static byte[] Encode(MqttPacket packet, ProtocolVersion version, out byte header)
    {
        var bytes = EncodePacket(packet, version);
        Assert.Equal(
            FrameResult.Ok,
            PacketFraming.TryReadHeader(bytes, int.MaxValue, true, out header, out var headerLength, out var remaining));
        Assert.Equal(bytes.Length, headerLength + remaining);
        return bytes[headerLength..];
    }

    private static byte[] EncodePacket(MqttPacket packet, ProtocolVersion version)
    {
        var adapter = new MqttPacketFormatterAdapter((MqttProtocolVersion)version, new MqttBufferWriter(4096, 65535));
        return adapter.Encode(packet).ToArray();
    }

    private static T Decode<T>(ReadOnlySpan<byte> packet, ProtocolVersion version)
        where T : MqttPacket
    {
        Assert.Equal(FrameResult.Ok, PacketFraming.TryReadHeader(packet, int.MaxValue, true, out var header, out var headerLength, out var remaining));
        Assert.Equal(packet.Length, headerLength + remaining);
        var adapter = new MqttPacketFormatterAdapter((MqttProtocolVersion)version, new MqttBufferWriter(4096, 65535));
        return Assert.IsType<T>(adapter.Decode(new ReceivedMqttPacket(header, new ArraySegment<byte>(packet[headerLength..].ToArray()), packet.Length)), exactMatch: false);
    }
}
