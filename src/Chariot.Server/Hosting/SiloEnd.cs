using Microsoft.Extensions.Options;
using Orleans.Runtime;

namespace Chariot.Server.Hosting;

/// <summary>
/// Ends the process of a silo that Orleans cannot go on with: the others have declared it dead while it hung or was cut off, or its part
/// of membership has failed. What it held is others' by now, so nothing is stored, published or acknowledged on the way out; its clients'
/// sockets close with the process. Whoever runs the process starts it again, as a new silo. Orleans' own handler aborts (SIGABRT).
/// </summary>
internal sealed class SiloEnd(IServiceProvider services, IOptions<BrokerOptions> options, ServerLog log) : IFatalErrorHandler
{
    private int _ending;

    public bool IsUnexpected(Exception exception) => true;

    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _ending, 1) != 0)
        {
            return;
        }

        var node = options.Value.NodeName;
        if (exception is null)
        {
            log.DeclaredDead(node, context ?? "unknown");
        }
        else
        {
            log.SiloFailed(exception, node, context ?? "unknown");
        }

        // What is in the console's queue is written before they are gone.
        foreach (var provider in services.GetServices<ILoggerProvider>())
        {
            provider.Dispose();
        }

        Environment.Exit(exception is null ? BrokerHost.DeclaredDead : BrokerHost.Fatal);
    }
}
