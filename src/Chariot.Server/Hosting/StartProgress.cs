using Chariot.Abstractions.Edges;

namespace Chariot.Server.Hosting;

/// <summary>Not ready until listeners accept and routes are complete.</summary>
internal sealed class StartProgress : IReadiness
{
    private volatile bool _isReady;

    public bool IsReady
    {
        get => _isReady;
        set => _isReady = value;
    }

    public IReadOnlyList<string> Reasons => IsReady ? [] : ["starting"];
}
