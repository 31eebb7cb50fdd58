namespace Chariot.Abstractions.Edges;

/// <summary>A part of this process that may keep it from being ready. <c>/readyz</c> asks all of them.</summary>
public interface IReadiness
{
    /// <summary>Stable codes, one per thing that is missing; empty when this part is ready. Cheap, safe from any thread.</summary>
    IReadOnlyList<string> Reasons { get; }
}
