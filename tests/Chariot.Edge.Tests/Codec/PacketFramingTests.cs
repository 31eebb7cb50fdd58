using Chariot.Abstractions;
using Chariot.Edge.Codec;

namespace Chariot.Edge.Tests.Codec;

public sealed class PacketFramingTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(16_383)]
    [InlineData(16_384)]
    [InlineData(2_097_151)]
    [InlineData(2_097_152)]
    [InlineData(268_435_455)]
    public void Header_OfEachLength_IsReadOnceItIsComplete(int length)
    {
        byte[] buffer = [0x30, .. Bytes.Variable(length)];

        for (var cut = 0; cut < buffer.Length; cut++)
        {
            Assert.Equal(FrameResult.Incomplete, PacketFraming.TryReadHeader(buffer.AsSpan(0, cut), int.MaxValue, true, out _, out _, out _));
        }

        Assert.Equal(FrameResult.Ok, PacketFraming.TryReadHeader(buffer, int.MaxValue, true, out var header, out var headerLength, out var remaining));
        Assert.Equal(0x30, header);
        Assert.Equal(buffer.Length, headerLength);
        Assert.Equal(length, remaining);
    }

    [Fact]
    public void Header_WithAFourthContinuationBit_IsMalformed()
    {
        byte[] buffer = [0x30, 0x80, 0x80, 0x80, 0x80];

        Assert.Equal(FrameResult.Malformed, PacketFraming.TryReadHeader(buffer, int.MaxValue, false, out _, out _, out _));
    }

    [Theory]
    [InlineData(new byte[] { 0x30, 0x80, 0x00 })]
    [InlineData(new byte[] { 0x30, 0xFF, 0x80, 0x00 })]
    [InlineData(new byte[] { 0x30, 0x82, 0x80, 0x80, 0x00 })]
    [Trait("Mqtt", "5:1.5.5-1")]
    public void Header_LongerThanNeeded_IsMalformedOnlyWhenStrict(byte[] buffer)
    {
        Assert.Equal(FrameResult.Malformed, PacketFraming.TryReadHeader(buffer, int.MaxValue, true, out _, out _, out _));
        Assert.Equal(FrameResult.Ok, PacketFraming.TryReadHeader(buffer, int.MaxValue, false, out _, out var headerLength, out var remaining));
        Assert.False(PacketFraming.IsMinimal(headerLength, remaining));
    }

    [Theory]
    [InlineData(99, true)]
    [InlineData(100, true)]
    [InlineData(101, false)]
    public void Header_CountsTheWholePacketAgainstTheMaximum(int size, bool fits)
    {
        byte[] buffer = [0x30, (byte)(size - 2)];

        Assert.Equal(fits ? FrameResult.Ok : FrameResult.TooLarge, PacketFraming.TryReadHeader(buffer, 100, true, out _, out _, out _));
    }

    [Fact]
    public void FirstByte_IsToldBeforeTheLength()
    {
        Assert.Equal(FrameResult.Incomplete, PacketFraming.TryReadHeader([0xE0], 100, true, out var header, out _, out _));
        Assert.Equal(0xE0, header);
    }

    [Fact]
    public void Flags_OfEveryFirstByte_AreJudgedAsTheStandardSays()
    {
        int[] valid = [0x10, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2, 0xC0, 0xE0, 0xF0];
        for (var header = 0; header < 256; header++)
        {
            var expected = valid.Contains(header) ? ReasonCode.Success
                : header >> 4 is 2 or 9 or 11 or 13 ? ReasonCode.ProtocolError
                : ReasonCode.MalformedPacket;

            Assert.Equal(expected, PacketFraming.CheckHeader((byte)header, ProtocolVersion.V500));
            Assert.Equal(header == 0xF0 ? ReasonCode.MalformedPacket : expected, PacketFraming.CheckHeader((byte)header, ProtocolVersion.V311));
        }
    }
}
