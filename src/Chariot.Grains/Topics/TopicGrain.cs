using System.Collections.Immutable;
using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Topics;

namespace Chariot.Grains.Topics;

/// <summary>
/// Keeps its registrations in memory only: they serve views and the second look at a decision's revision, while messages
/// follow the edges' route tables. A silo that dies takes its subscribers with it, and a collected activation costs a view
/// its entry until the next SUBSCRIBE, so a write per new filter would buy nothing.
/// </summary>
[CollectionAgeLimit(Minutes = 2)]
internal sealed class TopicGrain(IConfigurationFeed feed, IEdgeLinks links) : Grain, ITopicGrain
{
    // By filter, because TopicGrainKey may map many filters to one grain.
    private readonly Dictionary<string, ImmutableHashSet<SiloAddress>> _silos = new(StringComparer.Ordinal);

    public ValueTask<ReasonCode> RegisterAsync(string filter, SiloAddress silo, long revision)
    {
        if (revision < feed.Current.Revision)
        {
            return ValueTask.FromResult(ReasonCode.NotAuthorized);
        }

        _silos[filter] = _silos.GetValueOrDefault(filter, []).Add(silo);
        return ValueTask.FromResult(ReasonCode.Success);
    }

    public ValueTask UnregisterAsync(string filter, SiloAddress silo)
    {
        var remaining = _silos.GetValueOrDefault(filter, []).Remove(silo);
        if (remaining.IsEmpty)
        {
            _silos.Remove(filter);
        }
        else
        {
            _silos[filter] = remaining;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<ImmutableArray<SiloAddress>> GetSilosAsync(string filter) =>
        ValueTask.FromResult(_silos.GetValueOrDefault(filter, []).Intersect(links.Active).ToImmutableArray());
}
