using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;

namespace Chariot.Edge;

/// <summary>What the status pages ask for: clients by search, retained messages by level, bytes that count while connections last.</summary>
internal sealed partial class EdgeNode
{
    private long _bytesReceived;
    private long _bytesSent;

    public ClientMatches FindClients(ClientSearch search)
    {
        var met = sessions.All
            .Where(session => session.Connection is var connection && search.Meets(session.ClientId, session.Principal.Username, connection?.Transport.RemoteAddress, connection is not null))
            .ToList();
        return new ClientMatches(
            [
                .. met.Where(session => search.After is null || string.CompareOrdinal(session.ClientId, search.After) > 0)
                    .OrderBy(session => session.ClientId, StringComparer.Ordinal)
                    .Take(search.Limit)
                    .Select(DescribeClient),
            ],
            met.Count);
    }

    public ImmutableArray<RetainedLevel> GetRetainedLevels(string? under, string? after, int limit) =>
    [
        .. retainedMessages.LevelsBelow(under is null ? null : Encoding.UTF8.GetBytes(under))
            .Where(level => after is null || string.CompareOrdinal(level.Name, after) > 0)
            .OrderBy(level => level.Name, StringComparer.Ordinal)
            .Take(limit),
    ];

    /// <summary>
    /// A connection counts its own bytes until it ends, and is seen twice or not at all for a moment then. A counter that fell
    /// would read as a restart.
    /// </summary>
    private static long Rising(ref long kept, long counted)
    {
        var before = Volatile.Read(ref kept);
        while (counted > before)
        {
            var found = Interlocked.CompareExchange(ref kept, counted, before);
            if (found == before)
            {
                return counted;
            }

            before = found;
        }

        return before;
    }

    private static WillDescription? Describe(WillRecord? will) => will is null
        ? null
        : new WillDescription(Encoding.UTF8.GetString(will.Topic), will.QualityOfService, will.Retain, will.Payload.Length, will.DelaySeconds);
}
