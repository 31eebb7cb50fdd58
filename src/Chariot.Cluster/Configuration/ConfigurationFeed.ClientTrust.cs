using Chariot.Abstractions.Configuration;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Configuration;

/// <summary>The trust in client certificates: fetched when the configuration names another one than the one that is here.</summary>
internal sealed partial class ConfigurationFeed
{
    private static readonly TimeSpan s_clientTrustPatience = TimeSpan.FromSeconds(8);

    /// <summary>
    /// The trust of <paramref name="revision"/>, or a later one when that is committed already. When it cannot be had, nobody is
    /// trusted rather than somebody who may have been revoked; the error says so, and the next pull tries again.
    /// </summary>
    private async Task<(ClientTrust Trust, string? Error)> ResolveClientTrustAsync(long revision)
    {
        var current = _snapshot.ClientTrust;
        if (current.Revision == revision)
        {
            return (current, null);
        }

        try
        {
            var trust = await _source.GetClientTrustAsync().WaitAsync(s_clientTrustPatience, _time, _stopping.Token);
            if (trust.Revision >= revision)
            {
                return (trust, null);
            }

            LogClientTrustOlder(revision, trust.Revision);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            LogClientTrustFailed(e, revision);
        }

        return (ClientTrust.None, $"The trust in client certificates of revision {revision} could not be read; no client certificate is accepted until it can.");
    }

    [LoggerMessage(3200, LogLevel.Error, "The trust in client certificates of revision {Revision} could not be read; no client certificate is accepted until it can. Check that the store and the other nodes are reachable")]
    private partial void LogClientTrustFailed(Exception exception, long revision);

    [LoggerMessage(3201, LogLevel.Error, "The trust in client certificates of revision {Revision} was asked for, but only {Found} is there; no client certificate is accepted until it is. Check the store")]
    private partial void LogClientTrustOlder(long revision, long found);
}
