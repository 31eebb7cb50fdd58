using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Microsoft.Extensions.Logging;

namespace Chariot.Grains.Configuration;

/// <summary>
/// Asks every live silo the same thing at once, each for at most <see cref="Limit"/>. Silos that left the cluster meanwhile
/// are not in the answer: they take the revision before they serve again.
/// </summary>
internal sealed partial class SiloBroadcast(IEdgeLinks links, LeaseTable leases, TimeProvider time, ILogger logger)
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(250);

    // Revision that each silo last confirmed, to send it the credentials that changed since; and its node name, to call it
    // by when it does not answer.
    private readonly Dictionary<SiloAddress, long> _applied = [];
    private readonly Dictionary<SiloAddress, string> _names = [];

    /// <summary>
    /// Brings every silo to <paramref name="state"/>, which has just been committed. When it completes, no silo acts on an older one: each has
    /// answered, or its lease has run out.
    /// </summary>
    public async Task<ImmutableArray<NodeResult>> ApplyAsync(ConfigurationState state)
    {
        var committedAt = time.GetTimestamp();
        var revision = state.Current.Revision;
        var results = await AskAllAsync("apply", (silo, link) => link.ApplyAsync(new ConfigurationUpdate(state.Current, ChangedSince(silo, state))));
        foreach (var (silo, result) in results)
        {
            if (result.Applied)
            {
                _applied[silo] = Math.Max(revision, _applied.GetValueOrDefault(silo));
            }
        }

        await leases.WhenOverAsync(results.Where(r => r.Result.Applied).Select(r => r.Silo).ToHashSet(), committedAt);
        return [.. results.Select(r => r.Result)];
    }

    /// <summary>
    /// Prepares a certificate everywhere; a silo is ready when its result has no error. One that has just died is not reached, and still
    /// Active in membership for some seconds: it is asked again until it answers or is Dead.
    /// </summary>
    public async Task<ImmutableArray<NodeResult>> PrepareSslAsync(SslConfiguration candidate) =>
        [.. (await AskAllAsync("prepare", (silo, link) => UntilReachedOrDeadAsync(silo, () => link.PrepareSslAsync(candidate)))).Select(r => r.Result)];

    /// <summary>Tells every silo to forget a candidate. One that misses it forgets by itself after 30 s.</summary>
    public Task AbandonSslAsync(string setupId) => AskAllAsync("abandon", async (silo, link) =>
    {
        await link.AbandonSslAsync(setupId);
        return new NodeResult(NameOf(silo), 0, true, null);
    });

    private ImmutableArray<string> ChangedSince(SiloAddress silo, ConfigurationState state) =>
        _applied.TryGetValue(silo, out var applied) ? state.ChangedCredentials(applied) : default;

    private async Task<List<(SiloAddress Silo, NodeResult Result)>> AskAllAsync(string question, Func<SiloAddress, IEdgeLink, Task<NodeResult>> ask)
    {
        var answers = await Task.WhenAll(links.Active.Select(silo => AskAsync(question, silo, ask)));
        var active = links.Active;
        foreach (var gone in _names.Keys.Union(_applied.Keys).Except(active).ToList())
        {
            _names.Remove(gone);
            _applied.Remove(gone);
        }

        return [.. answers.Where(answer => active.Contains(answer.Silo))];
    }

    private async Task<NodeResult> UntilReachedOrDeadAsync(SiloAddress silo, Func<Task<NodeResult>> ask)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (Exception error) when (error is OrleansException or TimeoutException && links.Active.Contains(silo) && time.GetElapsedTime(started) < Limit)
            {
                await Task.Delay(AskAgain, time);
            }
        }
    }

    private async Task<(SiloAddress Silo, NodeResult Result)> AskAsync(string question, SiloAddress silo, Func<SiloAddress, IEdgeLink, Task<NodeResult>> ask)
    {
        try
        {
            var result = await ask(silo, links.Get(silo)).WaitAsync(Limit, time);
            _names[silo] = result.Node;
            return (silo, result);
        }
        catch (TimeoutException)
        {
            LogNoAnswer(silo, question, Limit.TotalSeconds);
            return (silo, new NodeResult(NameOf(silo), 0, false, $"The node did not answer within {Limit.TotalSeconds:0} seconds."));
        }
        catch (Exception error)
        {
            LogFailed(error, silo, question);
            return (silo, new NodeResult(NameOf(silo), 0, false, "The node could not be reached; its log or this node's says why."));
        }
    }

    private string NameOf(SiloAddress silo) => _names.GetValueOrDefault(silo) ?? links.NameOf(silo);

    [LoggerMessage(2000, LogLevel.Warning, "Silo {Silo} did not answer '{Question}' within {Seconds} s. It serves no clients until it has caught up; check that the node is alive.")]
    private partial void LogNoAnswer(SiloAddress silo, string question, double seconds);

    [LoggerMessage(2001, LogLevel.Warning, "Silo {Silo} failed to '{Question}'. It serves no clients until it has caught up; check the node's log.")]
    private partial void LogFailed(Exception error, SiloAddress silo, string question);
}
