using Chariot.TestKit.Broker;

namespace Chariot.Ui.Tests.Kit;

/// <summary>One broker process for the tests of a class.</summary>
public sealed class Broker : IAsyncLifetime
{
    private BrokerProcess? _process;

    public BrokerProcess Process => _process ?? throw new InvalidOperationException("not started");

    public async Task InitializeAsync() => _process = await BrokerProcess.StartAsync();

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
    }
}
