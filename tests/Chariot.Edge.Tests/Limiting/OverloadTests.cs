using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Codec;
using Chariot.Edge.Connections;
using Chariot.Edge.Limiting;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Limiting;

public sealed class OverloadTests : IDisposable
{
    private readonly EdgeKit _kit = new();
    private readonly OverloadGuard _guard;
    private long _heap;
    private bool _paused;

    public OverloadTests() =>
        _guard = new OverloadGuard(_kit.Connections, _kit.Sessions, _kit.Services, paused => _paused = paused, new MemoryPressure(() => (_heap, 1000)), _kit.Log);

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(699, 0)]
    [InlineData(700, 1)]
    [InlineData(899, 1)]
    [InlineData(900, 2)]
    public void DurableQueues_WarnAt70Percent_AndRefuseAt90(long bytes, int level)
    {
        var quota = new DurableQuota();

        Assert.Equal((QuotaLevel)level, quota.Measure(bytes, 1000).Now);
        Assert.Equal(level == 2, quota.Refuses);
        Assert.Equal(bytes, quota.Bytes);
        Assert.Equal(QuotaLevel.Free, quota.Measure(bytes, 0).Now);
    }

    [Fact]
    public void WhatWouldHaveToWait_IsRefusedWhenTheQueuesAreFull_AndWhatIsTakenAtOnceIsNot()
    {
        _kit.Session("away", 1, durable: true, new SubscriptionRecord("away", QualityOfService.AtLeastOnce));
        var toHere = new ScriptedTransport();
        _kit.Connect(_kit.Session("here", 2, durable: true, new SubscriptionRecord("here", QualityOfService.AtLeastOnce)), toHere);
        var wire = new ScriptedTransport();
        var publisher = _kit.Connect(_kit.Session("p", 3, durable: false), wire, version: ProtocolVersion.V500);
        _kit.Services.DurableQuota.Measure(900, 1000);

        _kit.Receive(publisher, EdgeKit.PublishPacket("away", "\0m", 1, 1));
        Assert.Equal((byte)ReasonCode.QuotaExceeded, wire.TakeSent()[4]);
        Assert.Equal(1, _kit.Metrics.CountOf(LimitKind.DurableBytes));

        _kit.Receive(publisher, EdgeKit.PublishPacket("here", "\0m", 1, 2));
        Assert.Single(SentPacket.Parse(toHere.TakeSent()));

        _kit.Services.DurableQuota.Measure(899, 1000);
        _kit.Receive(publisher, EdgeKit.PublishPacket("away", "\0m", 1, 3));
        _kit.Settle();
        Assert.Single(_kit.Store.Rows(1));
    }

    [Theory]
    [InlineData(800, 0)]
    [InlineData(801, 1)]
    [InlineData(900, 1)]
    [InlineData(901, 2)]
    public void Heap_Above80Percent_StopsAccepting_AndAbove90Reading(long heap, int level)
    {
        Assert.Equal((PressureLevel)level, new MemoryPressure(() => (heap, 1000)).Look(80));
        Assert.Equal(PressureLevel.None, new MemoryPressure(() => (heap, 1000)).Look(0));
    }

    [Fact]
    public void Pressure_IsOverBelowTheLimit_NotAtIt()
    {
        var heap = 810L;
        var pressure = new MemoryPressure(() => (heap, 1000));
        Assert.Equal(PressureLevel.Accept, pressure.Look(80));
        heap = 760;
        Assert.Equal(PressureLevel.Accept, pressure.Look(80));
        heap = 750;
        Assert.Equal(PressureLevel.None, pressure.Look(80));
    }

    [Fact]
    public async Task LargestSender_IsNotReadFrom_UntilThereIsMemoryAgain_AndOthersAre()
    {
        var (large, largeWire, largeRun) = Run("large", 1);
        var (small, smallWire, smallRun) = Run("small", 2);
        largeWire.Arrive(EdgeKit.PublishPacket("t", new string('x', 5000)));
        smallWire.Arrive(EdgeKit.PublishPacket("t", "x"));
        await EventuallyAsync(() => large.BytesReceived > 5000 && small.BytesReceived > 0);

        _heap = 950;
        _guard.Look();

        Assert.True(_paused);
        Assert.True(large.IsHeld);
        Assert.False(small.IsHeld);
        Assert.Equal((1, 1), (_kit.Metrics.CountOf(LimitKind.MemoryAccept), _kit.Metrics.CountOf(LimitKind.MemoryRead)));
        // The read that was under way is the last one.
        largeWire.Arrive(EdgeKit.PublishPacket("t", "1"));
        await EventuallyAsync(() => largeWire.Waiting == 0);
        largeWire.Arrive(EdgeKit.PublishPacket("t", "2"));
        smallWire.Arrive(EdgeKit.PublishPacket("t", "2"));
        await EventuallyAsync(() => smallWire.Waiting == 0);
        Assert.Equal(1, largeWire.Waiting);

        _heap = 100;
        _guard.Look();

        Assert.False(_paused);
        await EventuallyAsync(() => largeWire.Waiting == 0);
        largeWire.EndOfStream();
        smallWire.EndOfStream();
        await Task.WhenAll(largeRun, smallRun).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task HeldConnection_ThatIsAborted_Ends()
    {
        var (connection, wire, run) = Run("held", 1);
        connection.HoldReading();
        wire.Arrive(EdgeKit.PublishPacket("t", "1"));
        await EventuallyAsync(() => wire.Waiting == 0);

        connection.Abort();

        await run.WaitAsync(TimeSpan.FromSeconds(30));
        connection.HoldReading();
        Assert.False(connection.IsHeld);
    }

    [Theory]
    [InlineData(9, 0)]
    [InlineData(10, 0)]
    [InlineData(11, 1)]
    public async Task MessagesOfAClient_AboveTheRate_PauseItsReading_AndAreAllTaken(int messages, int pauses)
    {
        _kit.Services.Limits = new MqttLimits { MaximumMessageRate = 10 };
        var (_, wire, run) = Run("fast", 1);
        wire.Arrive([.. Enumerable.Range(0, messages).SelectMany(i => EdgeKit.PublishPacket("t", $"{i}"))]);
        wire.EndOfStream();
        await run.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(pauses, _kit.Metrics.CountOf(LimitKind.MessageRate));
        Assert.Equal(messages, _kit.Metrics.MessagesReceived);
    }

    private (MqttConnection Connection, ScriptedTransport Wire, Task Run) Run(string clientId, long id)
    {
        var wire = new ScriptedTransport();
        var connection = _kit.Connect(_kit.Session(clientId, id, durable: false), wire);
        _kit.Connections.Add(connection);
        return (connection, wire, connection.RunAsync());
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        var deadline = Environment.TickCount64 + 30_000;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < deadline, "it does not happen");
            await Task.Delay(5);
        }
    }
}
