using Chariot.Fuzz.Codec;
using Chariot.Fuzz.Sockets;
using Chariot.TestKit.Broker;

namespace Chariot.Conformance.Tests;

/// <summary>
/// The fuzzers in their short, seeded form; in full: <c>dotnet run -c Release --project tests/Chariot.Fuzz -- codec</c>, and
/// <c>-- sockets</c>.
/// </summary>
public class FuzzTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(20_261_123)]
    public void Decoders_NeitherThrowNorAllocateBeyondBounds_AndReadWhatWasWritten(int seed)
    {
        var report = new CodecFuzzer(seed).Run(150_000);

        Assert.Empty(report.Faults);
        // Otherwise the generator tests nothing.
        Assert.InRange(report.Accepted, report.Packets / 20, report.Packets / 2);
        Assert.True(report.Compared > report.Packets / 50, report.ToString());
    }

    [Fact]
    public async Task HostileConnections_InEveryState_LeaveTheBrokerServingAndAtRest()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        var report = await new SocketFuzzer(broker, 20_261_123).RunAsync(SocketFuzzer.Systematic + 700, CancellationToken.None);

        Console.WriteLine($"drill: {report}");
        Assert.False(report.Crashed, broker.Output);
        Assert.Empty(report.Hangs);
        Assert.Empty(report.Errors);
        Assert.True(report.Good.Count > 0);
        Assert.True(report.RestingCpu < 0.2, report.ToString());
    }
}
