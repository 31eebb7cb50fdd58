using Orleans.Runtime;

namespace Chariot.Abstractions.Sessions;

/// <summary>
/// Sees to it that every durable session of one partition of the client ids is held by a live silo. There is a fixed number of them
/// (<see cref="SessionPartitions"/>); they are called when membership has changed and before a silo opens its listeners.
/// </summary>
[Alias("chariot.session-partition.v1")]
public interface ISessionPartitionGrain : IGrainWithIntegerKey
{
    /// <summary>
    /// Has the sessions whose silo is gone adopted by a live one. When it returns, every durable session of the partition is held
    /// by a live silo and its routes are known everywhere.
    /// </summary>
    [Alias("Adopt"), ResponseTimeout("00:02:00")] Task AdoptAsync();

    /// <summary>
    /// The silo that holds the sessions of <paramref name="owner"/>, which is gone, and the epoch under which it adopted them;
    /// null when nobody does.
    /// </summary>
    [Alias("Holder")] Task<SessionHolder?> FindHolderAsync(SiloAddress owner);
}

[GenerateSerializer, Immutable, Alias("chariot.session-holder.v1")]
public sealed record SessionHolder([property: Id(0)] SiloAddress Silo, [property: Id(1)] long Epoch);

/// <summary>The one place that maps a client id to a partition.</summary>
public static class SessionPartitions
{
    public const int Count = 16;

    public static int Of(string clientId)
    {
        // FNV-1a: the same in every process and version.
        var hash = 2166136261u;
        foreach (var character in clientId)
        {
            hash = unchecked((hash ^ character) * 16777619u);
        }

        return (int)(hash % Count);
    }
}
