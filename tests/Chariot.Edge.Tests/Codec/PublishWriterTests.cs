using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using static Chariot.Edge.Tests.Codec.Bytes;

namespace Chariot.Edge.Tests.Codec;

public sealed class PublishWriterTests
{
    private static readonly byte[] Topic = "a/b"u8.ToArray();
    private static readonly byte[] Properties = [0x26, 0, 1, 0x61, 0, 1, 0x31];

    [Fact]
    public void Publish_In311_HasNoProperties()
    {
        var buffer = new byte[64];

        var length = PublishWriter.Write(buffer, ProtocolVersion.V311, Topic, QualityOfService.AtLeastOnce, true, true, 0x1234, Properties, 5, [7], [9], out var offset);

        Assert.Equal(Packet(0x3B, "a/b", 0x12, 0x34, 9), buffer[..length]);
        Assert.Equal(7, offset);
    }

    [Fact]
    public void Publish_In50_HasExpiryAndAllIdentifiersBeforeWhatIsForwarded()
    {
        var buffer = new byte[64];

        var length = PublishWriter.Write(
            buffer, ProtocolVersion.V500, Topic, QualityOfService.AtMostOnce, false, false, 0, Properties, 0x01020304, [1, 268_435_455], [9], out var offset);

        Assert.Equal(Packet(0x30, "a/b", Block(0x02, 1, 2, 3, 4, 0x0B, 1, 0x0B, 0xFF, 0xFF, 0xFF, 0x7F, Properties), 9), buffer[..length]);
        Assert.Equal(-1, offset);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(16_380)]
    [InlineData(70_000)]
    public void Size_IsWhatIsWritten_AndOneByteLessDoesNotFit(int payloadLength)
    {
        var payload = new byte[payloadLength];
        foreach (var version in new[] { ProtocolVersion.V311, ProtocolVersion.V500 })
        {
            foreach (var qos in Enum.GetValues<QualityOfService>())
            {
                var size = PublishWriter.GetSize(version, Topic.Length, qos, Properties.Length, true, [200], payloadLength);
                var buffer = new byte[size];

                Assert.Equal(size, PublishWriter.Write(buffer, version, Topic, qos, false, true, 1, Properties, 5, [200], payload, out _));
                Assert.Equal(0, PublishWriter.Write(buffer.AsSpan(1), version, Topic, qos, false, true, 1, Properties, 5, [200], payload, out _));
            }
        }
    }

    [Fact]
    public void Publish_ThatTheStandardCannotSay_HasNoSize()
    {
        Assert.Equal(0, PublishWriter.GetSize(ProtocolVersion.V311, 3, QualityOfService.AtMostOnce, 0, false, [], 268_435_455));
        Assert.Equal(0, PublishWriter.GetSize(ProtocolVersion.V311, 65_536, QualityOfService.AtMostOnce, 0, false, [], 1));
        Assert.Equal(268_435_460, PublishWriter.GetSize(ProtocolVersion.V311, 3, QualityOfService.AtMostOnce, 0, false, [], 268_435_450));
    }

    [Fact]
    public void PacketId_CanBeReplacedAtItsOffset()
    {
        var buffer = new byte[64];
        var length = PublishWriter.Write(
            buffer, ProtocolVersion.V500, Topic, QualityOfService.ExactlyOnce, false, false, 1, Properties, null, [], [9], out var offset);

        buffer[offset] = 0xAB;
        buffer[offset + 1] = 0xCD;

        Assert.Equal(ReasonCode.Success, PublishReader.TryRead(buffer[0], buffer.AsSpan(2, length - 2), ProtocolVersion.V500, out var view));
        Assert.Equal(0xABCD, view.PacketId);
        Assert.Equal(Properties, view.Properties.ToArray());
    }

    [Fact]
    public void Writing_AllocatesNothing()
    {
        var buffer = new byte[256];
        var payload = new byte[64];
        uint[] ids = [1, 2];

        Assert.Equal(0, PublishReaderTests.Measure(() =>
            PublishWriter.Write(buffer, ProtocolVersion.V311, Topic, QualityOfService.AtMostOnce, false, false, 0, default, null, default, payload, out _)
            + PublishWriter.Write(buffer, ProtocolVersion.V500, Topic, QualityOfService.AtLeastOnce, false, true, 7, Properties, 5, ids, payload, out _)
            + PacketWriter.WriteAck(buffer, PacketType.PubAck, ProtocolVersion.V500, 7, ReasonCode.NoMatchingSubscribers)));
    }
}
