using Orleans.Concurrency;
using System.Collections.Immutable;
using Orleans.Runtime;

namespace Chariot.Abstractions.Topics;

/// <summary>
/// Registrar of one topic filter: which silos carry subscriptions to it. Called when a filter is new to a silo or leaves
/// it, never on PUBLISH. The key comes from <see cref="TopicGrainKey"/> alone.
/// </summary>
[Alias("chariot.topic.v1")]
public interface ITopicGrain : IGrainWithStringKey
{
    /// <summary>
    /// Records that <paramref name="silo"/> carries subscriptions to <paramref name="filter"/>, decided under
    /// configuration <paramref name="revision"/>. A decision older than the revision this silo acts on is refused with
    /// <see cref="ReasonCode.NotAuthorized"/>: its session must ask again.
    /// </summary>
    [Alias("Register")] ValueTask<ReasonCode> RegisterAsync(string filter, SiloAddress silo, long revision);

    /// <summary>Withdraws what <see cref="RegisterAsync"/> recorded. Unknown registrations are ignored.</summary>
    [Alias("Unregister")] ValueTask UnregisterAsync(string filter, SiloAddress silo);

    /// <summary>The silos that carry <paramref name="filter"/>.</summary>
    [Alias("Silos"), AlwaysInterleave] ValueTask<ImmutableArray<SiloAddress>> GetSilosAsync(string filter);
}

/// <summary>The one place that maps a topic filter to a grain key, so that filters can be bucketed later.</summary>
public static class TopicGrainKey
{
    public static string For(string filter) => filter;
}
