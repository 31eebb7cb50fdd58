using Chariot.Edge;

namespace Chariot.Server.Hosting;

/// <summary>Lets the MQTT clients go before anything else stops: their sessions still need grains and store.</summary>
internal sealed class EdgeShutdown(IEdgeStart edge, StartProgress progress, ServerLog log) : IHostedLifecycleService
{
    /// <summary>15 s for the slices, 5 s for the last to leave, 5 s for the store, and something for a busy machine.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(35);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        progress.Drain();
        try
        {
            // Sessions are handed over through grains and store; where neither answers, the process ends all the same.
            await edge.CloseAsync().WaitAsync(Limit, cancellationToken);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            log.ClientsNotLetGo(error);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
