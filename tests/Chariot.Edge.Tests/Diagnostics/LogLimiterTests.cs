using Chariot.Edge.Diagnostics;

namespace Chariot.Edge.Tests.Diagnostics;

public class LogLimiterTests
{
    private long _now = 1000;

    [Fact]
    public void OneAddressAndCause_WritesALineAMinute_AndTellsWhatWasLeftOut()
    {
        var limiter = new LogLimiter(() => _now);
        Assert.True(limiter.Allows("10.0.0.1:5000", "refused", out var leftOut));
        Assert.Equal(0, leftOut);
        for (var i = 0; i < 500; i++)
        {
            Assert.False(limiter.Allows($"10.0.0.1:{6000 + i}", "refused", out _));
        }

        Assert.True(limiter.Allows("10.0.0.2:5000", "refused", out _));
        Assert.True(limiter.Allows("10.0.0.1:5000", "another cause", out _));
        _now += 60_000;
        Assert.True(limiter.Allows("10.0.0.1:5000", "refused", out leftOut));
        Assert.Equal(500, leftOut);
    }

    [Fact]
    public void AddressesWithoutEnd_CostBoundedMemory_AndAreStillHeard()
    {
        var limiter = new LogLimiter(() => _now);
        for (var i = 0; i < 50_000; i++)
        {
            Assert.True(limiter.Allows($"10.{i / 65536}.{i / 256 % 256}.{i % 256}:1", "refused", out _));
        }
    }
}
