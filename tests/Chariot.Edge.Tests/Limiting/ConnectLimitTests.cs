using Chariot.Abstractions.Configuration;
using Chariot.Edge.Limiting;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Limiting;

public sealed class ConnectLimitTests : IDisposable
{
    private readonly EdgeKit _kit = new();

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(49, 0)]
    [InlineData(50, 0)]
    [InlineData(51, 1)]
    public void Accepting_WaitsAboveTheRate(int connections, int waits)
    {
        _kit.Services.Limits = new MqttLimits { MaximumConnectRate = 50 };
        var pace = new ConnectPace(_kit.Services);

        var waited = Enumerable.Range(0, connections).Count(_ => pace.Take() > TimeSpan.Zero);

        Assert.Equal(waits, waited);
        Assert.Equal(waits, _kit.Metrics.CountOf(LimitKind.ConnectRate));
    }

    [Fact]
    public void Storm_IsLetInAtTheRate()
    {
        _kit.Services.Limits = new MqttLimits { MaximumConnectRate = 500 };
        var pace = new ConnectPace(_kit.Services);
        var started = _kit.Time.GetUtcNow();
        for (var i = 0; i < 10_000; i++)
        {
            _kit.Time.Advance(pace.Take());
        }

        // 500 at once, the others at 500 a second.
        Assert.InRange((_kit.Time.GetUtcNow() - started).TotalSeconds, 18.9, 19.1);
    }

    [Fact]
    public void Zero_IsNoLimit()
    {
        _kit.Services.Limits = new MqttLimits { MaximumConnectRate = 0 };
        var pace = new ConnectPace(_kit.Services);

        Assert.All(Enumerable.Range(0, 10_000), _ => Assert.Equal(TimeSpan.Zero, pace.Take()));
        Assert.True(_kit.Services.AddressRates.TryTake("192.0.2.1", 0));
    }

    [Theory]
    [InlineData(19, true)]
    [InlineData(20, false)]
    [InlineData(21, false)]
    public void ConnectsOfAnAddress_AboveTheRate_AreRefused_AndOnlyTheirs(int before, bool allowed)
    {
        for (var i = 0; i < before; i++)
        {
            _kit.Services.AddressRates.TryTake("192.0.2.1", 20);
        }

        Assert.Equal(allowed, _kit.Services.AddressRates.TryTake("192.0.2.1", 20));
        Assert.True(_kit.Services.AddressRates.TryTake("[2001:db8::1]", 20));
        _kit.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(_kit.Services.AddressRates.TryTake("192.0.2.1", 20));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.9.8.7")]
    [InlineData("[::1]")]
    [InlineData("[::ffff:127.0.0.1]")]
    public void Loopback_IsNeverRefused(string address)
    {
        Assert.All(Enumerable.Range(0, 100), _ => Assert.True(_kit.Services.AddressRates.TryTake(address, 1)));
    }

    [Fact]
    public void ManyAddresses_AreForgottenWhenTheyHaveRested()
    {
        for (var i = 0; i < 100_000; i++)
        {
            _kit.Services.AddressRates.TryTake($"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}", 20);
            _kit.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange(_kit.Services.AddressRates.Count, 1, 10_001);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public void ConnectionsOfACredential_AboveTheLimit_AreRefused(int connection, bool allowed)
    {
        var connections = new CredentialConnections();
        for (var i = 1; i < connection; i++)
        {
            Assert.True(connections.TryEnter("device", 2, replaces: false));
        }

        Assert.Equal(allowed, connections.TryEnter("device", 2, replaces: false));
        Assert.True(connections.TryEnter("other", 2, replaces: false));
    }

    [Fact]
    public void ConnectionThatReplacesAnother_NeedsNoFurtherPlace()
    {
        var connections = new CredentialConnections();
        Assert.True(connections.TryEnter("device", 1, replaces: false));
        Assert.True(connections.TryEnter("device", 1, replaces: true));
        Assert.False(connections.TryEnter("device", 1, replaces: false));

        connections.Leave("device");
        Assert.False(connections.TryEnter("device", 1, replaces: false));
        connections.Leave("device");
        Assert.True(connections.TryEnter("device", 1, replaces: false));
    }
}
