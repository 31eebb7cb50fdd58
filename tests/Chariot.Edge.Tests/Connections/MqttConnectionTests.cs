using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Connections;

/// <summary>The read loop, with a client that the test scripts.</summary>
public sealed class MqttConnectionTests : IDisposable
{
    private readonly EdgeKit _kit = new();
    private readonly ScriptedTransport _wire = new();
    private readonly ScriptedTransport _toSubscriber = new();

    public MqttConnectionTests() => _kit.Connect(_kit.Session("s", 2, false, new SubscriptionRecord("#", QualityOfService.AtMostOnce)), _toSubscriber);

    public void Dispose() => _kit.Dispose();

    [Fact]
    public async Task Packets_CutAtEveryByte_AreHandledWhole()
    {
        byte[] packets = [.. Enumerable.Range(0, 20).SelectMany(i => EdgeKit.PublishPacket("t", new string('x', i * 20)))];
        for (var cut = 1; cut < packets.Length; cut++)
        {
            Run(out var wire, out var run);
            wire.Arrive(packets[..cut]);
            wire.Arrive(packets[cut..]);
            wire.EndOfStream();
            await run;
            Assert.Equal(packets, _toSubscriber.TakeSent());
        }
    }

    [Fact]
    public async Task Packets_ByteByByte_AndSeveralPerRead_AreHandledInOrder()
    {
        byte[] packets = [.. Enumerable.Range(0, 300).SelectMany(i => EdgeKit.PublishPacket("t", $"{i} {new string('y', i)}"))];
        Run(out var slow, out var slowRun);
        foreach (var one in packets)
        {
            slow.Arrive([one]);
        }

        slow.EndOfStream();
        await slowRun;
        Assert.Equal(packets, _toSubscriber.TakeSent());

        Run(out var fast, out var fastRun);
        fast.Arrive(packets);
        fast.EndOfStream();
        await fastRun;
        Assert.Equal(packets, _toSubscriber.TakeSent());
    }

    [Fact]
    public async Task Buffer_GrowsWithWhatArrived_NotWithWhatWasDeclared()
    {
        Run(out var wire, out var run);
        // Declares a megabyte less a few bytes, and sends four kilobytes of it in small pieces.
        wire.Arrive([0x30, 0xF0, 0xFF, 0x3F, 0, 1, (byte)'t']);
        for (var i = 0; i < 40; i++)
        {
            wire.Arrive(new byte[100]);
        }

        wire.EndOfStream();
        await run;
        Assert.InRange(wire.LargestRoom, 2048, 32 * 1024);
    }

    [Fact]
    public async Task Buffer_ThatGrew_ShrinksAgain()
    {
        Run(out var wire, out var run);
        wire.Arrive(EdgeKit.PublishPacket("t", new string('z', 500_000)));
        Assert.True(SpinWait.SpinUntil(() => wire.LargestRoom > 100 * 1024, 10_000));
        Assert.True(SpinWait.SpinUntil(() => wire.Room <= 64 * 1024, 10_000), $"the room is {wire.Room}");

        for (var i = 0; i < 200; i++)
        {
            wire.Arrive(EdgeKit.PublishPacket("t", "small"));
        }

        wire.EndOfStream();
        await run;
        Assert.InRange(wire.Room, 1, 4096);
    }

    [Fact]
    public async Task LargestPacket_ArrivesWhole_AndOneByteMoreEndsTheConnection()
    {
        var largest = EdgeKit.PublishPacket("t", new string('z', (1024 * 1024) - 7));
        Assert.Equal(1024 * 1024, largest.Length);
        Run(out var wire, out var run);
        wire.Arrive(largest);
        wire.EndOfStream();
        await run;
        Assert.Equal(largest, _toSubscriber.TakeSent());

        var connection = Run(out wire, out run);
        wire.Arrive(EdgeKit.PublishPacket("t", new string('z', (1024 * 1024) - 6)));
        wire.EndOfStream();
        await run;
        Assert.Equal(ReasonCode.PacketTooLarge, connection.CloseReason);
        Assert.Empty(_toSubscriber.TakeSent());
    }

    [Fact]
    public async Task NothingBehindDisconnect_IsHandled()
    {
        Run(out var wire, out var run);
        wire.Arrive([.. EdgeKit.PublishPacket("t", "1"), 0xE0, 0, .. EdgeKit.PublishPacket("t", "2")]);
        wire.EndOfStream();
        await run;
        Assert.Equal(["1"], SentPacket.Parse(_toSubscriber.Sent).Select(packet => packet.Payload));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyUnreleasedQos2Publishes_DoNotStopTheirOwnPubRelsFromBeingRead(bool v5)
    {
        const int Count = 1500;
        var connection = Run(out var wire, out var run);
        if (v5)
        {
            connection.Version = ProtocolVersion.V500;
            connection.ReceiveMaximumOfServer = 5000;
        }

        for (var i = 1; i <= Count; i++)
        {
            var packet = EdgeKit.PublishPacket("t", v5 ? "\0m" : "m", 2, (ushort)i);
            wire.Arrive(packet);
        }

        for (var i = 1; i <= Count; i++)
        {
            wire.Arrive(EdgeKit.Ack(PacketType.PubRel, (ushort)i));
        }

        wire.EndOfStream();
        await run.WaitAsync(TimeSpan.FromSeconds(10));

        var answers = SentPacket.Parse(wire.Sent);
        Assert.Equal(Count, answers.Count(packet => packet.Type == PacketType.PubRec));
        Assert.Equal(Count, answers.Count(packet => packet.Type == PacketType.PubComp));
    }

    [Fact]
    public async Task Qos1BeyondThePause_GoesOnWhenTheStoreAnswers()
    {
        _kit.Session("d", 7, durable: true, new SubscriptionRecord("t", QualityOfService.AtLeastOnce));
        Run(out var wire, out var run);
        for (var i = 1; i <= 3000; i++)
        {
            wire.Arrive(EdgeKit.PublishPacket("t", "m", 1, (ushort)i));
        }

        wire.EndOfStream();
        var deadline = Environment.TickCount64 + 10_000;
        while (!run.IsCompleted)
        {
            Assert.True(Environment.TickCount64 < deadline, "the read loop does not go on");
            Assert.InRange(_kit.Store.Pending, 0, 1100);
            _kit.Store.Commit();
            await Task.Yield();
        }

        Assert.Equal(3000, _kit.Store.Rows(7).Count + _kit.Store.Pending);
    }

    [Fact]
    public async Task AbortWhilePaused_EndsTheReadLoop()
    {
        _kit.Session("d", 7, durable: true, new SubscriptionRecord("t", QualityOfService.AtLeastOnce));
        var connection = Run(out var wire, out var run);
        for (var i = 1; i <= 1100; i++)
        {
            wire.Arrive(EdgeKit.PublishPacket("t", "m", 1, (ushort)i));
        }

        // The store hangs: nothing is ever settled.
        Assert.True(SpinWait.SpinUntil(() => _kit.Store.Pending >= 1024, 10_000));
        connection.Abort();

        await run.WaitAsync(TimeSpan.FromSeconds(10));
    }

    private MqttConnection Run(out ScriptedTransport wire, out Task run)
    {
        wire = new ScriptedTransport();
        var connection = _kit.Connect(_kit.Session("p", 1, durable: false), wire);
        run = connection.RunAsync();
        return connection;
    }
}
