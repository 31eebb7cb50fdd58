using Chariot.Edge;

namespace Chariot.Server.Hosting;

/// <summary>Lets the MQTT clients go before anything else stops: their sessions still need grains and store.</summary>
internal sealed class EdgeShutdown(IEdgeStart edge, StartProgress progress) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        progress.Drain();
        return edge.CloseAsync();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
