using Chariot.Abstractions;
using Chariot.Edge.Codec;
using static Chariot.Edge.Tests.Codec.Bytes;

namespace Chariot.Edge.Tests.Codec;

public sealed class PacketWriterTests
{
    private const ProtocolVersion V3 = ProtocolVersion.V311;
    private const ProtocolVersion V5 = ProtocolVersion.V500;

    private readonly byte[] _buffer = new byte[512];

    [Theory]
    [InlineData(ReasonCode.Success, 0)]
    [InlineData(ReasonCode.UnsupportedProtocolVersion, 1)]
    [InlineData(ReasonCode.ClientIdentifierNotValid, 2)]
    [InlineData(ReasonCode.ServerUnavailable, 3)]
    [InlineData(ReasonCode.ServerBusy, 3)]
    [InlineData(ReasonCode.ConnectionRateExceeded, 3)]
    [InlineData(ReasonCode.BadUserNameOrPassword, 4)]
    [InlineData(ReasonCode.NotAuthorized, 5)]
    [InlineData(ReasonCode.TopicNameInvalid, 5)]
    public void ConnAck_In311_HasTheOldReturnCode(ReasonCode reason, byte code)
    {
        Assert.Equal(4, PacketWriter.WriteConnAck(_buffer, V3, reason, false, default));
        Assert.Equal([0x20, 2, 0, code], _buffer[..4]);
    }

    [Fact]
    [Trait("Mqtt", "5:3.2.2-6")]
    public void ConnAck_OfARefusal_HasNoSession()
    {
        PacketWriter.WriteConnAck(_buffer, V3, ReasonCode.NotAuthorized, true, default);
        Assert.Equal(0, _buffer[2]);
        PacketWriter.WriteConnAck(_buffer, V5, ReasonCode.NotAuthorized, true, default);
        Assert.Equal([0x20, 3, 0, 0x87, 0], _buffer[..5]);
        PacketWriter.WriteConnAck(_buffer, V5, ReasonCode.Success, true, default);
        Assert.Equal([0x20, 3, 1, 0, 0], _buffer[..5]);
    }

    [Fact]
    [Trait("Mqtt", "5:3.2.2-19")]
    public void ReasonString_IsLeftOut_WhenOnlyThatFits()
    {
        var text = new string('x', 60);
        var full = PacketWriter.WriteConnAck(_buffer, V5, ReasonCode.QuotaExceeded, false, new ConnAckProperties { ReasonString = text, ReceiveMaximum = 1 });

        Assert.Equal(full, PacketWriter.WriteConnAck(_buffer.AsSpan(0, full), V5, ReasonCode.QuotaExceeded, false, new ConnAckProperties { ReasonString = text, ReceiveMaximum = 1 }));
        Assert.Equal(8, PacketWriter.WriteConnAck(_buffer.AsSpan(0, full - 1), V5, ReasonCode.QuotaExceeded, false, new ConnAckProperties { ReasonString = text, ReceiveMaximum = 1 }));
        Assert.Equal(0, PacketWriter.WriteConnAck(_buffer.AsSpan(0, 7), V5, ReasonCode.QuotaExceeded, false, new ConnAckProperties { ReasonString = text, ReceiveMaximum = 1 }));
        Assert.Equal(3, PacketWriter.WriteDisconnect(_buffer.AsSpan(0, 20), ReasonCode.QuotaExceeded, text));
        Assert.Equal(5, PacketWriter.WriteAck(_buffer.AsSpan(0, 20), PacketType.PubRec, V5, 1, ReasonCode.QuotaExceeded, text));
        Assert.Equal(6, PacketWriter.WriteSubAck(_buffer.AsSpan(0, 20), V5, 1, [ReasonCode.QuotaExceeded], text));
        Assert.Equal(0, PacketWriter.WriteSubAck(_buffer.AsSpan(0, 5), V5, 1, [ReasonCode.QuotaExceeded], text));
    }

    [Fact]
    public void ReasonString_LongerThanAFieldCanBe_IsLeftOut()
    {
        var buffer = new byte[100_000];

        Assert.Equal(3, PacketWriter.WriteDisconnect(buffer, ReasonCode.QuotaExceeded, new string('x', 65_536)));
    }

    [Fact]
    public void Acknowledgements_AreAsShortAsTheyCanBe()
    {
        Assert.Equal(4, PacketWriter.WriteAck(_buffer, PacketType.PubAck, V5, 0x1234));
        Assert.Equal([0x40, 2, 0x12, 0x34], _buffer[..4]);
        Assert.Equal(4, PacketWriter.WriteAck(_buffer, PacketType.PubRel, V5, 0x1234));
        Assert.Equal([0x62, 2, 0x12, 0x34], _buffer[..4]);
        Assert.Equal(5, PacketWriter.WriteAck(_buffer, PacketType.PubComp, V5, 0x1234, ReasonCode.PacketIdentifierNotFound));
        Assert.Equal([0x70, 3, 0x12, 0x34, 0x92], _buffer[..5]);
        Assert.Equal(4, PacketWriter.WriteAck(_buffer, PacketType.PubRec, V3, 0x1234, ReasonCode.NotAuthorized, "no"));
        Assert.Equal([0x50, 2, 0x12, 0x34], _buffer[..4]);
        Assert.Equal(0, PacketWriter.WriteAck(_buffer.AsSpan(0, 3), PacketType.PubAck, V3, 1));
    }

    [Fact]
    [Trait("Mqtt", "3:3.9.3-2")]
    public void SubAck_In311_HasOneRefusal()
    {
        ReasonCode[] reasons = [ReasonCode.Success, ReasonCode.GrantedQos1, ReasonCode.GrantedQos2, ReasonCode.NotAuthorized, ReasonCode.TopicFilterInvalid];

        Assert.Equal(9, PacketWriter.WriteSubAck(_buffer, V3, 1, reasons));
        Assert.Equal(Packet(0x90, 0, 1, 0, 1, 2, 0x80, 0x80), _buffer[..9]);
        Assert.Equal(10, PacketWriter.WriteSubAck(_buffer, V5, 1, reasons));
        Assert.Equal(Packet(0x90, 0, 1, 0, 0, 1, 2, 0x87, 0x8F), _buffer[..10]);
    }

    [Fact]
    public void UnsubAck_In311_HasNoCodes()
    {
        ReasonCode[] reasons = [ReasonCode.Success, ReasonCode.NoSubscriptionExisted];

        Assert.Equal(4, PacketWriter.WriteUnsubAck(_buffer, V3, 1, reasons));
        Assert.Equal(Packet(0xB0, 0, 1), _buffer[..4]);
        Assert.Equal(7, PacketWriter.WriteUnsubAck(_buffer, V5, 1, reasons));
        Assert.Equal(Packet(0xB0, 0, 1, 0, 0, 0x11), _buffer[..7]);
    }

    [Fact]
    public void PingRespAndDisconnect_HaveTheirShortForms()
    {
        Assert.Equal(2, PacketWriter.WritePingResp(_buffer));
        Assert.Equal([0xD0, 0], _buffer[..2]);
        Assert.Equal(0, PacketWriter.WritePingResp(_buffer.AsSpan(0, 1)));
        Assert.Equal(2, PacketWriter.WriteDisconnect(_buffer, ReasonCode.Success));
        Assert.Equal([0xE0, 0], _buffer[..2]);
        Assert.Equal(3, PacketWriter.WriteDisconnect(_buffer, ReasonCode.SessionTakenOver));
        Assert.Equal([0xE0, 1, 0x8E], _buffer[..3]);
    }
}
