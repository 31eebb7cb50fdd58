using Chariot.Abstractions.Configuration;

namespace Chariot.Grains.Configuration;

/// <summary>
/// A restore that is about to be carried out, stored beside the configuration that names it: written first, and cleared when every part of
/// it is in force.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.restore-state.v1")]
internal sealed record RestoreState
{
    /// <summary>Random; <see cref="ConfigurationState.PendingRestore"/> names it.</summary>
    [Id(0)] public string? Id { get; init; }

    [Id(1)] public ConfigurationRestore? Restore { get; init; }

    /// <summary>The highest revision of SSL that a node had seen.</summary>
    [Id(2)] public long SslRevisionSeen { get; init; }
}
