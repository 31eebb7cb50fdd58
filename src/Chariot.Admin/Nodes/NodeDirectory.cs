using System.Collections.Immutable;
using Chariot.Abstractions.Edges;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Chariot.Admin.Nodes;

/// <summary>A silo's answer, or why there is none.</summary>
internal sealed record SiloAnswer<T>(string Silo, T? Value, string? Error);

internal sealed record NodeAnswer(string Silo, NodeDescription? Description, string? Error);

/// <summary>Asks every live silo, side by side, for a bounded time.</summary>
internal sealed partial class NodeDirectory(IEdgeLinks links, ILogger<NodeDirectory> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public async Task<IReadOnlyList<NodeAnswer>> DescribeAsync() =>
        [.. (await AskAllAsync(link => link.DescribeAsync())).Select(a => new NodeAnswer(a.Silo, a.Value, a.Error)).OrderBy(a => a.Description?.Node ?? a.Silo, StringComparer.Ordinal)];

    /// <summary>A silo that holds the retained replica: this one if it is a silo, else any.</summary>
    public IEdgeLink? AnyLink()
    {
        var active = links.Active;
        return active.IsEmpty ? null : links.Get(active.Contains(links.Local) ? links.Local : active[0]);
    }

    public async Task<ImmutableArray<SiloAnswer<T>>> AskAllAsync<T>(Func<IEdgeLink, Task<T>> question) =>
        [.. await Task.WhenAll(links.Active.Select(silo => AskAsync(silo, question)))];

    private async Task<SiloAnswer<T>> AskAsync<T>(SiloAddress silo, Func<IEdgeLink, Task<T>> question)
    {
        try
        {
            return new SiloAnswer<T>(silo.ToString(), await question(links.Get(silo)).WaitAsync(Patience), null);
        }
        catch (Exception e)
        {
            LogNoAnswer(e, silo);
            return new SiloAnswer<T>(silo.ToString(), default, "The node does not answer.");
        }
    }

    [LoggerMessage(4050, LogLevel.Warning, "Silo {Silo} does not answer the admin API; what it knows is missing from the answer")]
    private partial void LogNoAnswer(Exception exception, SiloAddress silo);
}
