using Microsoft.Extensions.Hosting;

namespace Chariot.Server.Hosting;

/// <summary>
/// Ends a process whose orderly stop does not come to its end, because its store or the other silos do not answer: Orleans keeps asking
/// them. By then everything has had its time and what is left to do could only be done with them. Without it whoever supervises the
/// process would have to kill it.
/// </summary>
internal sealed class StopDeadline(IHostApplicationLifetime lifetime, ServerLog log) : IHostedService, IDisposable
{
    /// <summary>From the request to stop. Above the host's own limit, below the 120 s that the units in deploy/ grant.</summary>
    public static readonly TimeSpan Limit = BrokerHost.StopTime + TimeSpan.FromSeconds(15);

    private Timer? _timer;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStopping.Register(() => _timer = new Timer(_ => End(), null, Limit, Timeout.InfiniteTimeSpan));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _timer?.Dispose();

    private void End()
    {
        log.StopTookTooLong((int)Limit.TotalSeconds);
        Environment.Exit(BrokerHost.Fatal);
    }
}
