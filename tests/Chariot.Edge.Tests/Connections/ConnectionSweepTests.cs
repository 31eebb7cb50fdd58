using Chariot.Abstractions;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Connections;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Connections;

public sealed class ConnectionSweepTests : IDisposable
{
    private readonly EdgeKit _kit = new();
    private readonly ConnectionSweep _sweep;

    public ConnectionSweepTests() => _sweep = new ConnectionSweep(_kit.Connections, _kit.Sessions, null!, _kit.RetainedMessages, _kit.Routes, null!, _kit.Services, _kit.Log);

    public void Dispose()
    {
        _sweep.Dispose();
        _kit.Dispose();
    }

    [Fact]
    public void ClientThatDoesNotRead_IsClosedAfterAMinute()
    {
        var wire = new ScriptedTransport { OnSend = _ => new ValueTask<int>(new TaskCompletionSource<int>().Task) };
        var connection = _kit.Connect(_kit.Session("s", 1, durable: false, new SubscriptionRecord("t", QualityOfService.AtMostOnce)), wire);
        _kit.Connections.Add(connection);
        var publisher = _kit.Connect(_kit.Session("p", 2, durable: false), new ScriptedTransport());
        var before = Environment.TickCount64;
        _kit.Receive(publisher, EdgeKit.PublishPacket("t", "x"));
        var after = Environment.TickCount64;

        _sweep.SweepConnections(before + 60_000);
        Assert.Null(connection.CloseReason);
        _sweep.SweepConnections(after + 60_001);
        Assert.Equal(ReasonCode.QuotaExceeded, connection.CloseReason);
        // What cannot be sent is not waited for either.
        _sweep.SweepConnections(after + 120_000);
        Assert.True(wire.Aborted);
    }

    [Fact]
    public void ClientThatIsNotReadFrom_IsNotTakenForSilent()
    {
        var connection = _kit.Connect(_kit.Session("s", 1, durable: false), new ScriptedTransport());
        connection.KeepAliveMilliseconds = 1500;
        _kit.Connections.Add(connection);
        connection.HoldReading();

        _sweep.SweepConnections(Environment.TickCount64 + 3_600_000);
        Assert.Null(connection.CloseReason);

        connection.ResumeReading();
        _sweep.SweepConnections(Environment.TickCount64 + 3_600_000);
        Assert.Equal(ReasonCode.KeepAliveTimeout, connection.CloseReason);
    }
}
