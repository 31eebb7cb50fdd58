using Chariot.Abstractions.Configuration;
using Chariot.Edge.Limiting;

namespace Chariot.Edge.Tests.Limiting;

public sealed class InboundRateTests
{
    private const long Second = 1000;
    private static readonly MqttLimits Hundred = new() { MaximumMessageRate = 100 };
    private readonly InboundRate _rate = new();

    [Theory]
    [InlineData(99, false)]
    [InlineData(100, false)]
    [InlineData(101, true)]
    public void Messages_AboveTheRate_HaveTheNextReadWait(int messages, bool waits)
    {
        Assert.Equal(waits, Take(messages, 0, Hundred, 0) > TimeSpan.Zero);
    }

    [Theory]
    [InlineData(4095, false)]
    [InlineData(4096, false)]
    [InlineData(4200, true)]
    public void Bytes_AboveTheRate_HaveTheNextReadWait(int bytes, bool waits)
    {
        Assert.Equal(waits, Take(1, bytes, new MqttLimits { MaximumByteRate = 4096 }, 0) > TimeSpan.Zero);
    }

    [Fact]
    public void Reads_ThatWaitAsTold_BringTheRateOnAverage()
    {
        var (now, taken) = (0L, 0);
        while (now < 60 * Second)
        {
            taken += 30;
            now += 1 + (long)Take(30, 0, Hundred, now).TotalMilliseconds;
        }

        Assert.InRange(taken, 60 * 95, 62 * 100);
    }

    [Fact]
    public void NoReadWaitsForMoreThanASecond_AndAfterItTheFloodIsForgiven()
    {
        Assert.Equal(TimeSpan.FromSeconds(1), Take(100_000, 0, Hundred, 0));
        Assert.Equal(TimeSpan.Zero, Take(100, 0, Hundred, 2 * Second));
    }

    [Theory]
    [InlineData(1000, 12, false)]
    [InlineData(1001, 9, false)]
    [InlineData(1001, 10, true)]
    public void MoreThanTenTimesTheRate_ForTenSeconds_IsExceeded(int messages, int seconds, bool exceeded)
    {
        for (var i = 0; i < seconds; i++)
        {
            Take(messages, 0, Hundred, i * Second);
        }

        _rate.Take(1, 0, Hundred, seconds * Second, Second, out var closes);
        Assert.Equal(exceeded, closes);
    }

    [Fact]
    public void SecondsOfSilence_BreakTheCount()
    {
        for (var i = 0; i < 30; i++)
        {
            _rate.Take(5000, 0, Hundred, i * 3 * Second, Second, out var exceeded);
            Assert.False(exceeded);
        }
    }

    private TimeSpan Take(int messages, int bytes, MqttLimits limits, long now)
    {
        var wait = _rate.Take(messages, bytes, limits, now, Second, out var exceeded);
        Assert.False(exceeded);
        return wait;
    }
}
