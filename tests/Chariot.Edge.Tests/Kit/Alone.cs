namespace Chariot.Edge.Tests.Kit;

/// <summary>Tests that count allocations or time: nothing runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
