using System.Collections.Immutable;
using Chariot.Abstractions.Topics;

namespace Chariot.Abstractions.Edges;

/// <summary>Which of a silo's clients are meant.</summary>
/// <param name="Text">Part of the client id, the username or the address, in any case; empty for all.</param>
/// <param name="Connected">Only connected ones, or only those that are away; null for both.</param>
/// <param name="After">Client ids above this one, ordinal; null for the first page. <see cref="ClientMatches.Total"/> heeds it not.</param>
[GenerateSerializer, Immutable, Alias("chariot.client-search.v1")]
public sealed record ClientSearch(
    [property: Id(0)] string Text,
    [property: Id(1)] bool? Connected,
    [property: Id(2)] string? After,
    [property: Id(3)] int Limit)
{
    public bool Meets(string clientId, string? username, string? address, bool connected) =>
        (Connected is not { } wanted || wanted == connected)
        && (Text.Length == 0 || Contains(clientId) || Contains(username) || Contains(address));

    private bool Contains(string? value) => value?.Contains(Text, StringComparison.OrdinalIgnoreCase) == true;
}

/// <param name="Total">All that the search meets, on whatever page.</param>
[GenerateSerializer, Immutable, Alias("chariot.client-matches.v1")]
public sealed record ClientMatches(
    [property: Id(0)] ImmutableArray<ClientDescription> Clients,
    [property: Id(1)] int Total);

/// <summary>A client's will, without its payload.</summary>
/// <param name="PayloadLength">Bytes.</param>
/// <param name="DelaySeconds">Will Delay Interval; 0 before MQTT 5.0.</param>
[GenerateSerializer, Immutable, Alias("chariot.will-description.v1")]
public sealed record WillDescription(
    [property: Id(0)] string Topic,
    [property: Id(1)] QualityOfService Qos,
    [property: Id(2)] bool Retain,
    [property: Id(3)] int PayloadLength,
    [property: Id(4)] uint DelaySeconds);
