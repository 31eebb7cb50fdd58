using Chariot.TestKit.Broker;

namespace Chariot.SystemTests;

/// <summary>One broker process for the tests of a class, anonymous allowed.</summary>
public class BrokerFixture : IAsyncLifetime
{
    private BrokerProcess? _broker;

    public BrokerProcess Broker => _broker ?? throw new InvalidOperationException("not started");

    public int Port => Broker.Ports.Mqtt;

    protected virtual BrokerOptions Options => BrokerOptions.AllowAnonymous;

    public virtual async Task InitializeAsync() => _broker = await BrokerProcess.StartAsync(Options);

    public async Task DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }
    }
}
