using System.Net;
using Chariot.Admin.Accounts;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Admin.Tests.Accounts;

public sealed class LoginThrottleTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly LoginThrottle _throttle;

    public LoginThrottleTests() => _throttle = new LoginThrottle(_time);

    [Fact]
    public void FiveFailuresAMinute_AreFree_ThenWaitsDouble()
    {
        Fail(4);
        Assert.Null(_throttle.WaitFor(IPAddress.Loopback, "a"));
        foreach (var wait in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            Fail(1);
            Assert.Equal(TimeSpan.FromSeconds(wait), _throttle.WaitFor(IPAddress.Loopback, "a"));
            _time.Advance(TimeSpan.FromSeconds(wait));
            Assert.Null(_throttle.WaitFor(IPAddress.Loopback, "a"));
        }
    }

    [Fact]
    public void FailuresSpreadOverTime_CostNothing()
    {
        for (var i = 0; i < 50; i++)
        {
            Fail(1);
            _time.Advance(TimeSpan.FromSeconds(20));
        }

        Assert.Null(_throttle.WaitFor(IPAddress.Loopback, "a"));
    }

    [Fact]
    public void Success_ForgetsTheFailures()
    {
        Fail(5);
        _throttle.Succeeded(IPAddress.Loopback, "a");
        Assert.Null(_throttle.WaitFor(IPAddress.Loopback, "a"));
    }

    [Fact]
    public void OtherAddressesAndUsers_AreNotHeldUp()
    {
        Fail(10);
        Assert.Null(_throttle.WaitFor(IPAddress.Parse("10.0.0.1"), "a"));
        Assert.Null(_throttle.WaitFor(IPAddress.Loopback, "b"));
    }

    [Fact]
    public void OneIpv6Network_IsOneAddress()
    {
        for (var i = 1; i <= 5; i++)
        {
            _throttle.Failed(IPAddress.Parse("2001:db8::" + i), "a");
        }

        Assert.NotNull(_throttle.WaitFor(IPAddress.Parse("2001:db8::ffff"), "a"));
        Assert.Null(_throttle.WaitFor(IPAddress.Parse("2001:db8:0:1::1"), "a"));
    }

    private void Fail(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _throttle.Failed(IPAddress.Loopback, "a");
        }
    }
}
