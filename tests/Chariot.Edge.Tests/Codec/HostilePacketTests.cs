using System.Text;
using Chariot.Abstractions;
using Chariot.Edge.Codec;
using static Chariot.Edge.Tests.Codec.Bytes;

namespace Chariot.Edge.Tests.Codec;

/// <summary>Bad packets, one table per kind, each with the reason that the connection is closed with.</summary>
public sealed class HostilePacketTests
{
    private const ProtocolVersion V3 = ProtocolVersion.V311;
    private const ProtocolVersion V5 = ProtocolVersion.V500;

    private static readonly byte[] IdOne = [0, 1];

    public static TheoryData<string, byte[], byte, byte> Framing() => new()
    {
        // name, packet, 3.1.1, 5.0
        { "remaining length of five bytes", Of(0x30, 0x80, 0x80, 0x80, 0x80, 0x01), 0x81, 0x81 },
        { "remaining length not minimal", Of(0xC0, 0x80, 0x00), 0x00, 0x81 },
        { "too large, told by the header alone", Of(0x30, 0xFF, 0xFF, 0xFF, 0x7F), 0x95, 0x95 },
        { "type 0", Of(0x00, 0x00), 0x81, 0x81 },
        { "AUTH", Packet(0xF0, 0x18, Block(0x15, "m")), 0x81, 0x00 },
        { "CONNACK", Packet(0x20, 0, 0), 0x82, 0x82 },
        { "SUBACK", Packet(0x90, IdOne, 0), 0x82, 0x82 },
        { "UNSUBACK", Packet(0xB0, IdOne), 0x82, 0x82 },
        { "PINGRESP", Packet(0xD0), 0x82, 0x82 },
        { "SUBSCRIBE with flags 0", Packet(0x80, IdOne, "a", 0), 0x81, 0x81 },
        { "PUBREL with flags 0", Packet(0x60, IdOne), 0x81, 0x81 },
        { "PUBLISH with QoS 3", Packet(0x36, "a", IdOne, 0), 0x81, 0x81 },
        { "PUBLISH with DUP and QoS 0", Packet(0x38, "a", 0), 0x81, 0x81 },
        { "PINGREQ with a body", Packet(0xC0, 0), 0x81, 0x81 },
        { "PUBACK of one byte", Packet(0x40, 0), 0x81, 0x81 },
        { "PUBACK with id 0", Packet(0x40, 0, 0), 0x82, 0x82 },
        { "PUBACK with a reason", Packet(0x40, IdOne, 0x80), 0x81, 0x00 },
        { "PUBACK with an empty block", Packet(0x40, IdOne, 0x80, 0), 0x81, 0x00 },
        { "PUBACK with bytes behind it", Packet(0x40, IdOne, 0x00, 0, 0), 0x81, 0x81 },
        { "PUBACK with a reason it does not have", Packet(0x40, IdOne, 0x8E), 0x81, 0x82 },
        { "PUBREL not found", Packet(0x62, IdOne, 0x92), 0x81, 0x00 },
        { "PUBREL with a reason of PUBACK", Packet(0x62, IdOne, 0x87), 0x81, 0x82 },
        { "DISCONNECT with a reason", Packet(0xE0, 0x04), 0x81, 0x00 },
        { "DISCONNECT with a server's reason", Packet(0xE0, 0x8E), 0x81, 0x82 },
        { "DISCONNECT with a server reference", Packet(0xE0, 0x00, Block(0x1C, "s")), 0x81, 0x82 },
        { "DISCONNECT with bytes behind it", Packet(0xE0, 0x00, 0, 0), 0x81, 0x81 },
    };

    [Theory]
    [MemberData(nameof(Framing))]
    public void Packet_OfAWrongForm_IsRefused(string name, byte[] packet, byte reasonV3, byte reasonV5)
    {
        Assert.True((ReasonCode)reasonV3 == Dispatch.Decode(packet, V3), $"{name}, 3.1.1: {Dispatch.Decode(packet, V3)}");
        Assert.True((ReasonCode)reasonV5 == Dispatch.Decode(packet, V5), $"{name}, 5.0: {Dispatch.Decode(packet, V5)}");
    }

    public static TheoryData<string, byte[], byte> ConnectsV5()
    {
        byte[] head = Of("MQTT", 5, 0x02, 0, 60);
        byte[] will = Of("MQTT", 5, 0x06, 0, 60, 0, "id");
        byte[] userProperty = Of(0x26, "k", "v");
        return new()
        {
            { "plain", Of(head, 0, "id"), 0x00 },
            { "with an empty id and clean start 0", Of("MQTT", 5, 0x00, 0, 60, 0, ""), 0x00 },
            { "reserved flag", Of("MQTT", 5, 0x03, 0, 60, 0, "id"), 0x81 },
            { "will QoS 3", Of("MQTT", 5, 0x1E, 0, 60, 0, "id", 0, "w", "p"), 0x81 },
            { "will QoS without will", Of("MQTT", 5, 0x0A, 0, 60, 0, "id"), 0x81 },
            { "will retain without will", Of("MQTT", 5, 0x22, 0, 60, 0, "id"), 0x81 },
            { "password without user name", Of("MQTT", 5, 0x42, 0, 60, 0, "id", "secret"), 0x00 },
            { "user name missing", Of("MQTT", 5, 0x82, 0, 60, 0, "id"), 0x81 },
            { "user name not UTF-8", Of("MQTT", 5, 0x82, 0, 60, 0, "id", Prefixed([0xC0, 0x80])), 0x81 },
            { "user name with a control character", Of("MQTT", 5, 0x82, 0, 60, 0, "id", "a\r\n"), 0x86 },
            { "client id with a control character", Of(head, 0, "a\u001bb"), 0x85 },
            { "client id with a byte order mark", Of(head, 0, "\uFEFFid"), 0x85 },
            { "client id with a non-character", Of(head, 0, "id\uFFFF"), 0x85 },
            { "client id with a C1 control character", Of(head, 0, "id\u0085"), 0x85 },
            { "client id in any script", Of(head, 0, "töpf\U0001F600"), 0x00 },
            { "client id with U+0000", Of(head, 0, "a\0b"), 0x81 },
            { "client id cut", Of(head, 0, 0, 5, 0x61), 0x81 },
            { "bytes behind it", Of(head, 0, "id", 0), 0x81 },
            { "property length of five bytes", Of(head, 0x80, 0x80, 0x80, 0x80, 0x00, "id"), 0x81 },
            { "property length not minimal", Of(head, 0x80, 0x00, "id"), 0x81 },
            { "property length beyond the packet", Of(head, 0x7F, "id"), 0x81 },
            { "property beyond its block", Of(head, 3, 0x11, 0, 0, "id"), 0x81 },
            { "property id not minimal", Of(head, Block(0x91, 0x00, 0, 0, 0, 0), "id"), 0x81 },
            { "unknown property", Of(head, Block(0x7E, 0), "id"), 0x81 },
            { "property of two bytes of id", Of(head, Block(0x91, 0x01, 0, 0, 0, 0), "id"), 0x81 },
            { "property of PUBLISH", Of(head, Block(0x23, 0, 1), "id"), 0x81 },
            { "property twice", Of(head, Block(0x21, 0, 1, 0x21, 0, 1), "id"), 0x82 },
            { "boolean 2", Of(head, Block(0x17, 2), "id"), 0x82 },
            { "receive maximum 0", Of(head, Block(0x21, 0, 0), "id"), 0x82 },
            { "maximum packet size 0", Of(head, Block(0x27, 0, 0, 0, 0), "id"), 0x82 },
            { "authentication data without method", Of(head, Block(0x16, "d"), "id"), 0x82 },
            { "user property not UTF-8", Of(head, Block(0x26, "k", Prefixed([0xFF])), "id"), 0x81 },
            { "64 user properties", Of(head, Block(Concat(Enumerable.Repeat(userProperty, 64))), "id"), 0x00 },
            { "65 user properties", Of(head, Block(Concat(Enumerable.Repeat(userProperty, 65))), "id"), 0x97 },
            { "10,000 user properties", Of(head, Block(Concat(Enumerable.Repeat(userProperty, 10_000))), "id"), 0x97 },
            { "8 KiB of user properties", Of(head, Block(0x26, "k", new string('v', 8192 - 6)), "id"), 0x00 },
            { "more than 8 KiB of user properties", Of(head, Block(0x26, "k", new string('v', 8192 - 5)), "id"), 0x97 },
            { "will", Of(will, 0, "w", "p"), 0x00 },
            { "will property twice", Of(will, Block(0x18, 0, 0, 0, 1, 0x18, 0, 0, 0, 1), "w", "p"), 0x82 },
            { "will property of CONNECT", Of(will, Block(0x21, 0, 1), "w", "p"), 0x81 },
            { "will format 2", Of(will, Block(0x01, 2), "w", "p"), 0x82 },
            { "will response topic with a wildcard", Of(will, Block(0x08, "r/#"), "w", "p"), 0x82 },
            { "will topic with a wildcard", Of(will, 0, "w/+", "p"), 0x90 },
            { "will topic empty", Of(will, 0, "", "p"), 0x90 },
            { "will topic with U+0000", Of(will, 0, "w\0", "p"), 0x81 },
            { "will payload cut", Of(will, 0, "w", 0, 9, 1), 0x81 },
            { "level 6", Of("MQTT", 6, 0x02, 0, 60, 0, "id"), 0x84 },
            { "another protocol", Of("HTTP", 5, 0x02, 0, 60, 0, "id"), 0x84 },
            { "the name of 3.1", Of("MQIsdp", 5, 0x02, 0, 60, 0, "id"), 0x84 },
        };
    }

    [Theory]
    [MemberData(nameof(ConnectsV5))]
    public void Connect_In50_GetsItsReason(string name, byte[] body, byte reason)
    {
        var actual = PacketDecoder.DecodeConnect(body, out var packet);

        Assert.True((ReasonCode)reason == actual, $"{name}: {actual}");
        Assert.Equal(name != "another protocol", packet.AnswersRefusal);
    }

    public static TheoryData<string, byte[], byte, bool> ConnectsV3() => new()
    {
        { "plain", Of("MQTT", 4, 0x02, 0, 60, "id"), 0x00, true },
        { "of 3.1", Of("MQIsdp", 3, 0x02, 0, 60, "id"), 0x00, true },
        { "empty", [], 0x81, false },
        { "cut in its name", Of(0, 4, 0x4D), 0x81, false },
        { "without a level", Of("MQTT"), 0x81, false },
        { "level 3 under the new name", Of("MQTT", 3, 0x02, 0, 60, "id"), 0x84, true },
        { "level of a bridge", Of("MQTT", 0x84, 0x02, 0, 60, "id"), 0x84, true },
        { "reserved flag", Of("MQTT", 4, 0x03, 0, 60, "id"), 0x81, false },
        { "password without user name", Of("MQTT", 4, 0x42, 0, 60, "id", "secret"), 0x81, false },
        { "user name and password empty", Of("MQTT", 4, 0xC2, 0, 60, "id", "", ""), 0x00, true },
        { "id empty, clean session 0", Of("MQTT", 4, 0x00, 0, 60, ""), 0x85, true },
        { "id empty, clean session 1", Of("MQTT", 4, 0x02, 0, 60, ""), 0x00, true },
        { "id with a control character", Of("MQTT", 4, 0x02, 0, 60, "a\n"), 0x85, true },
        { "id with a surrogate", Of("MQTT", 4, 0x02, 0, 60, Prefixed([0xED, 0xA0, 0x80])), 0x81, false },
        { "bytes behind it", Of("MQTT", 4, 0x02, 0, 60, "id", 1), 0x81, false },
        { "will topic with a wildcard", Of("MQTT", 4, 0x06, 0, 60, "id", "#", "p"), 0x90, true },
    };

    [Theory]
    [MemberData(nameof(ConnectsV3))]
    [Trait("Mqtt", "3:3.1.4-1")]
    public void Connect_In311_GetsItsReasonOrIsJustClosed(string name, byte[] body, byte reason, bool answers)
    {
        var actual = PacketDecoder.DecodeConnect(body, out var packet);

        Assert.True((ReasonCode)reason == actual, $"{name}: {actual}");
        Assert.Equal(answers, packet.AnswersRefusal);
        Assert.NotEqual(V5, packet.Version);
        Assert.Equal(answers, PacketWriter.WriteConnAck(new byte[16], packet.Version, actual, false, default) == 4);
    }

    [Fact]
    public void Version_IsTold_BeforeTheWholeConnectIsThere()
    {
        Assert.Equal(V5, PacketDecoder.PeekVersion(Of("MQTT", 5)));
        Assert.Equal(V3, PacketDecoder.PeekVersion(Of("MQTT", 4)));
        Assert.Equal(V5, PacketDecoder.PeekVersion(Of("MQTT", 6)));
        Assert.Equal(ProtocolVersion.V310, PacketDecoder.PeekVersion(Of("MQIsdp", 3)));
        Assert.Null(PacketDecoder.PeekVersion(Of("MQTT")));
        Assert.Null(PacketDecoder.PeekVersion(Of("GET ", 5)));
    }

    public static TheoryData<string, byte[], byte, byte> Subscribes() => new()
    {
        // name, what follows packet id and properties, 3.1.1, 5.0
        { "QoS 0", Of("a", 0), 0x00, 0x00 },
        { "all options", Of("a", 0b0010_1110), 0x81, 0x00 },
        { "no filter", [], 0x82, 0x82 },
        { "cut after the filter", Of("a"), 0x81, 0x81 },
        { "second filter cut", Of("a", 0, 0, 9, 0x61), 0x81, 0x81 },
        { "empty filter", Of("", 0), 0x81, 0x81 },
        { "filter with U+0000", Of("a\0", 0), 0x81, 0x81 },
        { "filter not UTF-8", Of(Prefixed([0xF5, 0x80, 0x80, 0x80]), 0), 0x81, 0x81 },
        { "QoS 3", Of("a", 3), 0x81, 0x81 },
        { "reserved bit 6", Of("a", 0x40), 0x81, 0x81 },
        { "reserved bit 7", Of("a", 0x80), 0x81, 0x81 },
        { "retain handling 3", Of("a", 0x30), 0x81, 0x82 },
        { "no local on a shared subscription", Of("$share/g/a", 0x04), 0x81, 0x82 },
        { "a wildcard in the wrong place", Of("a/#/b", 0, "a+", 1), 0x00, 0x00 },
    };

    [Theory]
    [MemberData(nameof(Subscribes))]
    public void Subscribe_WithABadFilterList_IsRefused(string name, byte[] filters, byte reasonV3, byte reasonV5)
    {
        var v3 = PacketDecoder.DecodeSubscribe(Of(IdOne, filters), V3, out _);
        var v5 = PacketDecoder.DecodeSubscribe(Of(IdOne, 0, filters), V5, out _);

        Assert.True((ReasonCode)reasonV3 == v3, $"{name}, 3.1.1: {v3}");
        Assert.True((ReasonCode)reasonV5 == v5, $"{name}, 5.0: {v5}");
    }

    public static TheoryData<string, byte[], byte> FilterPacketStarts() => new()
    {
        { "nothing", [], 0x81 },
        { "no properties", IdOne, 0x81 },
        { "packet id 0", Of(0, 0, 0, "a"), 0x82 },
        { "user property", Of(IdOne, Block(0x26, "k", "v"), "a"), 0x00 },
        { "user property cut", Of(IdOne, Block(0x26, "k"), "a"), 0x81 },
        { "property of CONNECT", Of(IdOne, Block(0x11, 0, 0, 0, 0), "a"), 0x81 },
        { "property length beyond the packet", Of(IdOne, 9, "a"), 0x81 },
    };

    [Theory]
    [MemberData(nameof(FilterPacketStarts))]
    public void SubscribeAndUnsubscribe_WithABadStart_AreRefused(string name, byte[] body, byte reason)
    {
        var subscribe = PacketDecoder.DecodeSubscribe(body.Length > 3 ? Of(body, 0) : body, V5, out _);
        var unsubscribe = PacketDecoder.DecodeUnsubscribe(body, V5, out _);

        Assert.True((ReasonCode)reason == subscribe, $"SUBSCRIBE {name}: {subscribe}");
        Assert.True((ReasonCode)reason == unsubscribe, $"UNSUBSCRIBE {name}: {unsubscribe}");
    }

    [Theory]
    [InlineData(new byte[] { 0x0B, 0x00 }, ReasonCode.ProtocolError)]
    [InlineData(new byte[] { 0x0B, 0x01, 0x0B, 0x02 }, ReasonCode.ProtocolError)]
    [InlineData(new byte[] { 0x0B, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 }, ReasonCode.MalformedPacket)]
    [InlineData(new byte[] { 0x0B, 0xFF, 0xFF, 0xFF, 0x7F }, ReasonCode.Success)]
    public void SubscriptionIdentifier_OutOfRangeOrTwice_IsRefused(byte[] properties, ReasonCode expected) =>
        Assert.Equal(expected, PacketDecoder.DecodeSubscribe(Of(IdOne, Block(properties), "a", 0), V5, out _));

    [Fact]
    public void Unsubscribe_WithoutFilter_OrAnEmptyOne_IsRefused()
    {
        Assert.Equal(ReasonCode.ProtocolError, PacketDecoder.DecodeUnsubscribe(IdOne, V3, out _));
        Assert.Equal(ReasonCode.MalformedPacket, PacketDecoder.DecodeUnsubscribe(Of(IdOne, ""), V3, out _));
        Assert.Equal(ReasonCode.MalformedPacket, PacketDecoder.DecodeUnsubscribe(Of(IdOne, 0, "a", 0), V5, out _));
    }

    public static TheoryData<string, byte[], byte> Auths() => new()
    {
        { "nothing", [], 0x82 },
        { "success", Of(0x00, Block(0x15, "m")), 0x82 },
        { "continue", Of(0x18, Block(0x15, "m", 0x16, "d")), 0x00 },
        { "re-authenticate", Of(0x19, Block(0x15, "m")), 0x00 },
        { "no properties", Of(0x18), 0x81 },
        { "no method", Of(0x18, 0), 0x82 },
        { "bytes behind it", Of(0x18, Block(0x15, "m"), 0), 0x81 },
        { "method twice", Of(0x18, Block(0x15, "m", 0x15, "m")), 0x82 },
    };

    [Theory]
    [MemberData(nameof(Auths))]
    public void Auth_WithoutAMethod_IsRefused(string name, byte[] body, byte reason)
    {
        var actual = PacketDecoder.DecodeAuth(body, out _);

        Assert.True((ReasonCode)reason == actual, $"{name}: {actual}");
    }

    public static TheoryData<string, byte[]> BadText() => new()
    {
        { "overlong slash", [0xC0, 0xAF] },
        { "overlong in three bytes", [0xE0, 0x80, 0xAF] },
        { "high surrogate", [0xED, 0xA0, 0x80] },
        { "low surrogate", [0xED, 0xBF, 0xBF] },
        { "pair of surrogates", [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80] },
        { "above U+10FFFF", [0xF4, 0x90, 0x80, 0x80] },
        { "U+0000", [0x61, 0x00, 0x62] },
        { "lone continuation", [0x80] },
        { "cut sequence", [0x61, 0xE2, 0x82] },
        { "cut sequence behind long ASCII", [.. Encoding.ASCII.GetBytes(new string('a', 70)), 0xE2, 0x82] },
        { "Latin-1", [0x74, 0xF6, 0x70, 0x66] },
    };

    [Theory]
    [MemberData(nameof(BadText))]
    [Trait("Mqtt", "5:1.5.4-1")]
    [Trait("Mqtt", "5:1.5.4-2")]
    public void Text_ThatIsNotValid_IsMalformedInEveryField(string name, byte[] text)
    {
        var field = Prefixed(text);
        (string Field, ReasonCode Reason)[] results =
        [
            ("topic", PublishReader.TryRead(0x30, Of(field), V3, out _)),
            ("content type", PublishReader.TryRead(0x30, Of("a", Block(0x03, field)), V5, out _)),
            ("response topic", PublishReader.TryRead(0x30, Of("a", Block(0x08, field)), V5, out _)),
            ("property name", PublishReader.TryRead(0x30, Of("a", Block(0x26, field, "v")), V5, out _)),
            ("property value", PublishReader.TryRead(0x30, Of("a", Block(0x26, "k", field)), V5, out _)),
            ("filter", PacketDecoder.DecodeSubscribe(Of(IdOne, field, 0), V3, out _)),
            ("unsubscribed filter", PacketDecoder.DecodeUnsubscribe(Of(IdOne, field), V3, out _)),
            ("client id", PacketDecoder.DecodeConnect(Of("MQTT", 4, 2, 0, 0, field), out _)),
            ("will topic", PacketDecoder.DecodeConnect(Of("MQTT", 4, 6, 0, 0, "id", field, "p"), out _)),
            ("user name", PacketDecoder.DecodeConnect(Of("MQTT", 4, 0x82, 0, 0, "id", field), out _)),
            ("reason string", PacketDecoder.DecodeDisconnect(Of(0, Block(0x1F, field)), V5, out _)),
        ];

        Assert.All(results, result => Assert.True(result.Reason == ReasonCode.MalformedPacket, $"{name} in {result.Field}: {result.Reason}"));
    }
}
