namespace Chariot.Abstractions.Edges;

/// <summary>One topic level in the tree of retained messages.</summary>
/// <param name="Name">Without slashes; may be empty, as in <c>/a</c>.</param>
/// <param name="HasMessage">Whether there is a retained message on the topic that ends here.</param>
/// <param name="Below">Levels directly below.</param>
[GenerateSerializer, Immutable, Alias("chariot.retained-level.v1")]
public sealed record RetainedLevel(
    [property: Id(0)] string Name,
    [property: Id(1)] bool HasMessage,
    [property: Id(2)] int Below);
