using Chariot.Abstractions.Edges;

namespace Chariot.Server.Hosting;

/// <summary>Not ready until listeners accept and routes are complete, and not any more once the process goes away.</summary>
internal sealed class StartProgress : IReadiness
{
    private volatile string? _reason = "starting";

    public IReadOnlyList<string> Reasons => _reason is { } reason ? [reason] : [];

    public void Ready() => _reason = null;

    public void Drain() => _reason = "draining";
}
