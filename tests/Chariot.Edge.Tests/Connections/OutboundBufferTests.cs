using System.Text;
using Chariot.Edge.Connections;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Connections;

public class OutboundBufferTests
{
    private const System.Reflection.BindingFlags Any = System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic;
    private readonly ScriptedTransport _transport = new();
    private readonly List<Exception> _broken = [];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Bytes_ArriveInOrderAndWhole_HoweverTheTransportTakesThem(int seed)
    {
        var random = new Random(seed);
        _transport.OnSend = async bytes =>
        {
            if (random.Next(3) == 0)
            {
                await Task.Yield();
            }

            return random.Next(3) == 0 ? random.Next(1, bytes.Length + 1) : bytes.Length;
        };
        var buffer = Make();
        var expected = new List<byte>();
        for (var i = 0; i < 2000; i++)
        {
            var packet = EdgeKit.PublishPacket("t", new string((char)('a' + (i % 26)), random.Next(200)));
            Assert.True(buffer.TryAppend(packet, out _));
            expected.AddRange(packet);
            if (random.Next(3) == 0)
            {
                buffer.Flush();
            }
        }

        buffer.CloseWhenSent();
        await Until(() => _transport.EndedSending == 1);
        Assert.Equal(expected, _transport.Sent);
        Assert.Equal(expected.Count, buffer.BytesSent);
        AssertHoldsNothing(buffer);
    }

    [Fact]
    public async Task ConcurrentWriters_LoseNothing_AndKeepEachTheirOrder()
    {
        _transport.OnSend = async bytes =>
        {
            await Task.Yield();
            return bytes.Length;
        };
        var buffer = Make();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                var packet = EdgeKit.PublishPacket($"w{writer}", $"{i}");
                Assert.True(buffer.TryAppend(packet, out var firstTouch));
                // As in a batch: only who touched first flushes.
                if (firstTouch)
                {
                    buffer.Flush();
                }
            }
        })));

        await Until(() => SentPackets().Count == 8000);
        foreach (var writer in SentPackets().GroupBy(packet => packet.Topic))
        {
            Assert.Equal(Enumerable.Range(0, 2000).Select(i => $"{i}"), writer.Select(packet => packet.Payload));
        }
    }

    [Fact]
    public void TryAppend_BeyondBytesOrPackets_IsRefused_ButControlIsNot()
    {
        var stuck = new TaskCompletionSource<int>();
        _transport.OnSend = bytes => stuck.Task.IsCompleted ? new(bytes.Length) : new(stuck.Task);
        var buffer = new OutboundBuffer(_transport, 100, 3, _broken.Add);
        Assert.True(buffer.TryAppend(new byte[60], out var first));
        Assert.True(first);
        buffer.Flush();

        Assert.True(buffer.TryAppend(new byte[60], out _));
        Assert.False(buffer.TryAppend(new byte[60], out _));
        Assert.True(buffer.TryAppend(new byte[20], out _));
        Assert.True(buffer.TryAppend(new byte[1], out _));
        Assert.False(buffer.TryAppend(new byte[1], out _));
        buffer.AppendControl(new byte[200]);

        stuck.SetResult(60);
        Assert.Equal(60 + 81 + 200, _transport.Sent.Length);
    }

    [Fact]
    public void Control_BeyondItsOwnLimit_BreaksTheConnectionOnce()
    {
        _transport.OnSend = _ => new ValueTask<int>(new TaskCompletionSource<int>().Task);
        var buffer = new OutboundBuffer(_transport, 100, 10, _broken.Add);
        for (var i = 0; i < 20; i++)
        {
            buffer.AppendControl(new byte[1024 * 1024]);
        }

        Assert.IsType<IOException>(Assert.Single(_broken));
        Assert.False(buffer.TryAppend(new byte[1], out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FailingSend_IsReportedOnce_AndHoldsNothing(bool synchronously)
    {
        var fail = new TaskCompletionSource<int>();
        _transport.OnSend = _ => synchronously ? throw new IOException("gone") : new ValueTask<int>(fail.Task);
        var buffer = Make();
        buffer.TryAppend(new byte[10], out _);
        buffer.Flush();
        buffer.TryAppend(new byte[10], out _);
        fail.TrySetException(new IOException("gone"));

        await Until(() => _broken.Count == 1);
        buffer.Flush();
        Assert.False(buffer.TryAppend(new byte[1], out _));
        Assert.Single(_broken);
        AssertHoldsNothing(buffer);
    }

    [Fact]
    public async Task WhoWaitsForRoom_IsWokenWhenTheConnectionBreaks()
    {
        var fail = new TaskCompletionSource<int>();
        _transport.OnSend = _ => new ValueTask<int>(fail.Task);
        var buffer = new OutboundBuffer(_transport, 100, 10, _broken.Add);
        buffer.TryAppend(new byte[80], out _);
        buffer.Flush();
        buffer.TryAppend(new byte[80], out _);
        var room = buffer.WhenHasRoomAsync();
        Assert.False(room.IsCompleted);

        fail.SetException(new IOException("gone"));

        await room.WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhoWaitsForRoom_IsWokenByRoomOrClose(bool close)
    {
        var first = new TaskCompletionSource<int>();
        var second = new TaskCompletionSource<int>();
        _transport.OnSend = bytes => new ValueTask<int>(_transport.Sent.Length == 0 ? first.Task : second.Task);
        var buffer = new OutboundBuffer(_transport, 100, 10, _broken.Add);
        Assert.True(buffer.WhenHasRoomAsync().IsCompleted);
        buffer.TryAppend(new byte[80], out _);
        buffer.Flush();
        buffer.TryAppend(new byte[80], out _);
        var room = buffer.WhenHasRoomAsync();
        first.SetResult(80);
        Assert.False(room.IsCompleted);

        if (close)
        {
            buffer.Close();
        }
        else
        {
            second.SetResult(80);
        }

        await room.WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void CloseWhenSent_SendsWhatIsThere_TakesNoMore_AndEndsOnce()
    {
        var slow = new TaskCompletionSource<int>();
        _transport.OnSend = bytes => _transport.Sent.Length == 0 ? new ValueTask<int>(slow.Task) : new ValueTask<int>(bytes.Length);
        var buffer = Make();
        buffer.TryAppend("ab"u8, out _);
        buffer.Flush();
        buffer.TryAppend("cd"u8, out _);
        buffer.CloseWhenSent();
        Assert.False(buffer.TryAppend("ef"u8, out _));
        Assert.Equal(0, _transport.EndedSending);

        slow.SetResult(2);

        Assert.Equal("abcd", Encoding.ASCII.GetString(_transport.Sent));
        Assert.Equal(1, _transport.EndedSending);
        AssertHoldsNothing(buffer);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void RemovePublishes_TakesOutTheDeniedOnesOnly(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 100; round++)
        {
            var buffer = Make();
            _transport.TakeSent();
            var kept = new List<byte>();
            var ids = new List<ushort>();
            var denied = 0;
            for (ushort i = 1; i < random.Next(1, 40); i++)
            {
                var isDenied = random.Next(2) == 0;
                var packet = random.Next(4) switch
                {
                    0 => EdgeKit.Ack(Codec_PubAck, i),
                    1 => EdgeKit.PublishPacket(isDenied ? "no" : "yes", new string('x', random.Next(400))),
                    var qos => EdgeKit.PublishPacket(isDenied ? "no" : "yes", "x", qos - 1, i),
                };
                var isPublish = packet[0] >> 4 == 3;
                if (isPublish && (packet[0] & 6) != 0)
                {
                    buffer.AppendDelivery(packet, packet.AsSpan().IndexOf((byte)'x') - 2, i, dup: false);
                }
                else if (isPublish)
                {
                    buffer.TryAppend(packet, out _);
                }
                else
                {
                    buffer.AppendControl(packet);
                }

                if (!isPublish || !isDenied)
                {
                    kept.AddRange(packet);
                    continue;
                }

                denied++;
                if ((packet[0] & 6) != 0)
                {
                    ids.Add(i);
                }
            }

            var removed = new List<ushort>();
            Assert.Equal(denied, buffer.RemovePublishes(topic => topic.SequenceEqual("no"u8), removed));
            Assert.Equal(ids, removed);
            buffer.Flush();
            Assert.Equal(kept, _transport.Sent);
            AssertHoldsNothing(buffer);
        }
    }

    [Fact]
    public void RemovePublishes_MakesRoomAgain()
    {
        var buffer = new OutboundBuffer(_transport, 1000, 2, _broken.Add);
        var packet = EdgeKit.PublishPacket("no", "x");
        Assert.True(buffer.TryAppend(packet, out _));
        Assert.True(buffer.TryAppend(packet, out _));
        Assert.False(buffer.TryAppend(packet, out _));

        buffer.RemovePublishes(_ => true, []);

        Assert.True(buffer.TryAppend(packet, out _));
    }

    [Fact]
    public void Close_WhileSending_HoldsNoMoreThanWhatIsBeingSent()
    {
        var slow = new TaskCompletionSource<int>();
        _transport.OnSend = _ => new ValueTask<int>(slow.Task);
        var buffer = Make();
        buffer.TryAppend(new byte[10], out _);
        buffer.Flush();
        buffer.TryAppend(new byte[10], out _);

        buffer.Close();
        slow.SetResult(10);

        AssertHoldsNothing(buffer);
        Assert.Equal(10, _transport.Sent.Length);
    }

    [Fact]
    public void AppendDelivery_WritesPacketIdAndDupIntoItsCopyOnly()
    {
        var buffer = Make();
        var packet = EdgeKit.PublishPacket("t", "m", 1, 1);
        var before = packet.ToArray();
        buffer.AppendDelivery(packet, 5, 0x1234, dup: true);
        buffer.AppendDelivery(packet, 5, 7, dup: false);
        buffer.Flush();

        Assert.Equal(before, packet);
        Assert.Equal([(0x1234, true), (7, false)], SentPackets().Select(sent => ((int)sent.Id, sent.Dup)));
    }

    private const Chariot.Edge.Codec.PacketType Codec_PubAck = Chariot.Edge.Codec.PacketType.PubAck;

    private OutboundBuffer Make() => new(_transport, 8 * 1024 * 1024, 16384, _broken.Add);

    private List<SentPacket> SentPackets() => SentPacket.Parse(_transport.Sent);

    private static void AssertHoldsNothing(OutboundBuffer buffer)
    {
        foreach (var name in new[] { "_fill", "_send" })
        {
            Assert.Empty((byte[])typeof(OutboundBuffer).GetField(name, Any)!.GetValue(buffer)!);
        }
    }

    private static async Task Until(Func<bool> condition)
    {
        var deadline = Environment.TickCount64 + 10_000;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < deadline, "not within 10 s");
            await Task.Delay(1);
        }
    }
}
