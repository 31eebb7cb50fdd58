using System.Text;
using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using static Chariot.Edge.Tests.Codec.Bytes;

namespace Chariot.Edge.Tests.Codec;

public sealed class PublishReaderTests
{
    private const ProtocolVersion V3 = ProtocolVersion.V311;
    private const ProtocolVersion V5 = ProtocolVersion.V500;

    private static readonly byte[] Expiry = [0x02, 0, 0, 0, 9];
    private static readonly byte[] Alias = [0x23, 0, 7];
    private static readonly byte[] ContentType = [0x03, 0, 1, 0x63];
    private static readonly byte[] UserA = [0x26, 0, 1, 0x61, 0, 1, 0x31];
    private static readonly byte[] UserB = [0x26, 0, 1, 0x62, 0, 1, 0x32];

    public static TheoryData<string, int, byte[], byte, byte> Bad() => new()
    {
        // name, first byte, body without properties, 3.1.1, 5.0 (with an empty block where it belongs)
        { "nothing", 0x30, [], 0x81, 0x81 },
        { "topic cut", 0x30, Of(0, 3, 0x61), 0x81, 0x81 },
        { "no packet id", 0x32, Of("a"), 0x81, 0x81 },
        { "packet id cut", 0x32, Of("a", 0), 0x81, 0x81 },
        { "packet id 0", 0x32, Of("a", 0, 0), 0x82, 0x82 },
        { "QoS 3", 0x36, Of("a", 0, 1), 0x81, 0x81 },
        { "DUP with QoS 0", 0x38, Of("a"), 0x81, 0x81 },
        { "topic +", 0x30, Of("a/+"), 0x90, 0x90 },
        { "topic #", 0x30, Of("#"), 0x90, 0x90 },
        { "topic # at the end of a long one", 0x30, Of(new string('x', 100) + "#"), 0x90, 0x90 },
        { "topic with U+0000 and a wildcard", 0x30, Of("a\0#"), 0x81, 0x81 },
        { "topic empty", 0x30, Of(""), 0x82, 0x82 },
        { "topic of control characters", 0x30, Of("a\u0001\r\n\u001b\uFEFF\uFFFF"), 0x00, 0x00 },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Publish_GetsItsReason(string name, int header, byte[] body, byte reasonV3, byte reasonV5)
    {
        var v3 = PublishReader.TryRead((byte)header, body, V3, out _);
        var v5 = PublishReader.TryRead((byte)header, reasonV5 == 0 || name == "topic empty" ? Of(body, 0) : body, V5, out _);

        Assert.True((ReasonCode)reasonV3 == v3, $"{name}, 3.1.1: {v3}");
        Assert.True((ReasonCode)reasonV5 == v5, $"{name}, 5.0: {v5}");
    }

    public static TheoryData<string, byte[], byte> BadProperties() => new()
    {
        { "no block", [], 0x81 },
        { "alias 0", Block(0x23, 0, 0), 0x94 },
        { "alias twice", Block(Alias, Alias), 0x82 },
        { "identifier of a subscription", Block(0x0B, 1), 0x82 },
        { "format 2", Block(0x01, 2), 0x82 },
        { "format 1", Block(0x01, 1), 0x00 },
        { "response topic with a wildcard", Block(0x08, "r/+"), 0x82 },
        { "response topic empty", Block(0x08, ""), 0x82 },
        { "will delay", Block(0x18, 0, 0, 0, 1), 0x81 },
        { "correlation data twice", Block(0x09, "a", 0x09, "a"), 0x82 },
        { "correlation data cut", Block(0x09, 0, 9, 1), 0x81 },
        { "expiry of two bytes", Block(0x02, 0, 1), 0x81 },
        { "65 user properties", Block(Concat(Enumerable.Repeat(UserA, 65))), 0x97 },
        { "length of five bytes", Of(0x80, 0x80, 0x80, 0x80, 0x00), 0x81 },
        { "length not minimal", Of(0x80, 0x00), 0x81 },
        { "length beyond the packet", Of(0x7F, 0x00), 0x81 },
    };

    [Theory]
    [MemberData(nameof(BadProperties))]
    public void Publish_WithProperties_GetsItsReason(string name, byte[] properties, byte reason)
    {
        var actual = PublishReader.TryRead(0x30, Of("a", properties), V5, out _);

        Assert.True((ReasonCode)reason == actual, $"{name}: {actual}");
    }

    [Fact]
    public void Publish_In311_IsSeenAsSent()
    {
        Assert.Equal(ReasonCode.Success, PublishReader.TryRead(0x3D, Of("töpf/a", 0x12, 0x34, 1, 2, 3), V3, out var view));

        Assert.Equal("töpf/a", Encoding.UTF8.GetString(view.Topic));
        Assert.Equal(0x1234, view.PacketId);
        Assert.Equal(QualityOfService.ExactlyOnce, view.Qos);
        Assert.True(view.Retain);
        Assert.True(view.Dup);
        Assert.Equal([1, 2, 3], view.Payload.ToArray());
        Assert.True(view.HasContiguousProperties);
        Assert.Equal(0, view.PropertiesLength);
        Assert.Null(view.MessageExpirySeconds);
        Assert.Equal(0, view.TopicAlias);
    }

    [Fact]
    public void EmptyTopic_WithAnAlias_IsLeftToTheConnection()
    {
        Assert.Equal(ReasonCode.Success, PublishReader.TryRead(0x30, Of("", Block(Alias), 1), V5, out var view));

        Assert.True(view.Topic.IsEmpty);
        Assert.Equal(7, view.TopicAlias);
        Assert.Equal(0, view.PropertiesLength);
    }

    public static TheoryData<string, byte[], byte[], bool> Forwarding() => new()
    {
        { "nothing to leave out", Of(UserA, ContentType, UserB), Of(UserA, ContentType, UserB), true },
        { "hop properties first", Of(Alias, Expiry, UserB, UserA), Of(UserB, UserA), true },
        { "hop properties last", Of(UserB, UserA, Expiry, Alias), Of(UserB, UserA), true },
        { "around", Of(Expiry, UserB, UserA, Alias), Of(UserB, UserA), true },
        { "hop properties between", Of(UserB, Expiry, UserA, Alias, ContentType), Of(UserB, UserA, ContentType), false },
        { "only hop properties", Of(Expiry, Alias), [], true },
    };

    [Theory]
    [MemberData(nameof(Forwarding))]
    [Trait("Mqtt", "5:3.3.2-17")]
    public void Properties_AreForwardedInOrderWithoutThoseOfTheHop(string name, byte[] sent, byte[] forwarded, bool contiguous)
    {
        Assert.Equal(ReasonCode.Success, PublishReader.TryRead(0x32, Of("a", 0, 5, Block(sent), 0xAA), V5, out var view));

        var copy = new byte[view.PropertiesLength];
        Assert.Equal(forwarded.Length, view.CopyProperties(copy));
        Assert.Equal(forwarded, copy);
        Assert.True(contiguous == view.HasContiguousProperties, name);
        Assert.Equal(contiguous ? forwarded : [], view.Properties.ToArray());
        Assert.Equal(sent.AsSpan().IndexOf(Expiry) >= 0 ? 9u : null, view.MessageExpirySeconds);
        Assert.Equal([0xAA], view.Payload.ToArray());
    }

    [Fact]
    public void Reading_AllocatesNothing()
    {
        byte[] plain = Of("a/topic/of/some/length/here/abc", new byte[64]);
        byte[] empty = Of("a/topic/of/some/length/here/abc", 0, 1, 0, new byte[64]);
        byte[] full = Of("töpf", 0, 1, Block(UserB, Expiry, UserA, Alias, ContentType), new byte[64]);
        var copy = new byte[64];

        Assert.Equal(0, Measure(() =>
        {
            PublishReader.TryRead(0x30, plain, V3, out var first);
            PublishReader.TryRead(0x32, empty, V5, out var second);
            PublishReader.TryRead(0x32, full, V5, out var third);
            return first.Topic.Length + second.Payload.Length + third.CopyProperties(copy);
        }));
    }

    internal static long Measure(Func<int> action)
    {
        var sum = 0;
        for (var i = 0; i < 1_000; i++)
        {
            sum += action();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100_000; i++)
        {
            sum += action();
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.NotEqual(0, sum);
        return allocated;
    }
}
