using Chariot.Abstractions.Edges;

namespace Chariot.Admin.Health;

/// <summary>Whether this process is ready, over all its parts.</summary>
internal sealed class Readiness(IEnumerable<IReadiness> parts)
{
    /// <summary>Stable codes, ordinal; empty when it is ready.</summary>
    public IReadOnlyList<string> Reasons => [.. parts.SelectMany(p => p.Reasons).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
}
