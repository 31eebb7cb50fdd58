using Chariot.TestKit.Broker;

namespace Chariot.Conformance.Tests;

/// <summary>One broker process for all classes that run at the same time, anonymous allowed; it ends with the last of them.</summary>
public sealed class SharedBroker : IAsyncLifetime
{
    private static readonly SemaphoreSlim Gate = new(1, 1);
    private static BrokerProcess? _running;
    private static int _users;

    private BrokerProcess? _broker;

    public BrokerProcess Broker => _broker ?? throw new InvalidOperationException("not started");

    public async Task InitializeAsync()
    {
        await Gate.WaitAsync();
        try
        {
            _running ??= await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
            _broker = _running;
            _users++;
        }
        finally
        {
            Gate.Release();
        }
    }

    public async Task DisposeAsync()
    {
        await Gate.WaitAsync();
        try
        {
            if (_broker is not null && --_users == 0)
            {
                await _running!.DisposeAsync();
                _running = null;
            }
        }
        finally
        {
            Gate.Release();
        }
    }
}
