using System.Collections.Immutable;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Microsoft.Extensions.Logging;

namespace Chariot.Grains.Sessions;

/// <summary>
/// Decides a SUBSCRIBE under the configuration in force and has the topic grains look at the decision's revision: the second
/// silo that a decision meets must not know a newer one.
/// </summary>
internal sealed partial class SessionSubscriber(IConfigurationFeed feed, IEdgeLinks links, IGrainFactory grains, TimeProvider time, ILogger<SessionSubscriber> logger)
{
    // While a new revision travels, this silo may know it a moment later than a topic grain's: 20 x 50 ms.
    private const int MaximumAttempts = 20;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);

    // A silo that hangs is declared dead in about this time; until then the session's next CONNECT waits behind its SUBSCRIBE.
    private static readonly TimeSpan RegistrationLimit = TimeSpan.FromSeconds(5);

    public SubscribeResult Refuse(int count, ReasonCode reason) =>
        new([.. Enumerable.Repeat(reason, count)], feed.Current.Revision);

    public async Task<SubscribeResult> DecideAsync(SessionRecord session, ImmutableArray<SubscriptionRecord> subscriptions)
    {
        for (var attempt = 1; ; attempt++)
        {
            // Read before the rights, so that they are never older than the revision that they are registered under.
            var revision = feed.Current.Revision;
            if (await TryResolveAsync(session) is not { } rights)
            {
                return Refuse(subscriptions.Length, ReasonCode.ImplementationSpecificError);
            }

            ImmutableArray<ReasonCode> reasons = [.. subscriptions.Select(s => rights.AllowsSubscribe(s.Filter) ? (ReasonCode)s.QualityOfService : ReasonCode.NotAuthorized)];
            var granted = subscriptions.Where((_, i) => reasons[i] != ReasonCode.NotAuthorized).Select(s => RouteFilter(s.Filter)).Distinct(StringComparer.Ordinal).ToList();
            if (granted.Count == 0)
            {
                return new SubscribeResult(reasons, revision);
            }

            var registration = RegisterAsync(granted, session.Owner!, revision);
            // Alone in the cluster: no other silo's topic grain could know a newer revision, so SUBACK need not wait.
            if (links.Active.Length == 1 || await registration == ReasonCode.Success)
            {
                return new SubscribeResult(reasons, revision);
            }

            if (await registration != ReasonCode.NotAuthorized || attempt == MaximumAttempts)
            {
                return Refuse(subscriptions.Length, ReasonCode.ImplementationSpecificError);
            }

            await Task.Delay(RetryAfter, time);
        }
    }

    private async Task<AccessControlList?> TryResolveAsync(SessionRecord session)
    {
        try
        {
            return await AccessResolver.ResolveAsync(feed, session.Principal, session.ClientId);
        }
        catch (Exception error)
        {
            LogRightsUnknown(error, session.ClientId);
            return null;
        }
    }

    private async Task<ReasonCode> RegisterAsync(List<string> filters, SiloAddress owner, long revision)
    {
        try
        {
            var answers = await Task.WhenAll(filters.Select(filter =>
                grains.GetGrain<ITopicGrain>(TopicGrainKey.For(filter)).RegisterAsync(filter, owner, revision).AsTask())).WaitAsync(RegistrationLimit, time);
            return answers.FirstOrDefault(answer => answer != ReasonCode.Success);
        }
        catch (Exception error)
        {
            LogRegistrationFailed(error, filters.Count);
            return ReasonCode.ImplementationSpecificError;
        }
    }

    private static string RouteFilter(string filter) =>
        TopicFilter.TrySplitShared(filter, out _, out var inner) ? inner.ToString() : filter;

    [LoggerMessage(2030, LogLevel.Warning, "{Count} topic filters could not be registered. If this repeats, check that all nodes reach each other.")]
    private partial void LogRegistrationFailed(Exception error, int count);

    [LoggerMessage(2031, LogLevel.Error, "The rights of client {ClientId} could not be read, so its SUBSCRIBE was refused. Check that the store is reachable.")]
    private partial void LogRightsUnknown(Exception error, string clientId);
}
