using System.Collections.Concurrent;
using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;

namespace Chariot.Grains.Tests.Kit;

/// <summary>One silo's edge as the grains see it: records what it is asked and does what the test says.</summary>
internal sealed class TestEdgeLink(string node) : IEdgeLink
{
    public ConcurrentQueue<ConfigurationUpdate> Applied { get; } = [];
    public ConcurrentQueue<string> Prepared { get; } = [];
    public ConcurrentQueue<string> Abandoned { get; } = [];
    public ConcurrentQueue<(string ClientId, long Epoch)> GivenUp { get; } = [];

    private int _looks;

    /// <summary>How often it has been asked for a client.</summary>
    public int Looks => Volatile.Read(ref _looks);

    /// <summary>The client whose session it has; null for none.</summary>
    public ClientDescription? Client { get; set; }

    public Func<Task>? OnApply { get; set; }
    public Func<Task>? OnGiveUp { get; set; }

    /// <summary>What <see cref="PrepareSslAsync"/> says is wrong.</summary>
    public string? PrepareError { get; set; }

    /// <summary>The revision of SSL that it has a record of.</summary>
    public long Seen { get; set; }

    public async Task<NodeResult> ApplyAsync(ConfigurationUpdate update)
    {
        if (OnApply is { } hook)
        {
            await hook();
        }

        Applied.Enqueue(update);
        return new NodeResult(node, update.Configuration.Revision, true, null) { SslRevisionSeen = Seen };
    }

    public Task<NodeResult> PrepareSslAsync(SslConfiguration candidate)
    {
        Prepared.Enqueue(candidate.SetupId);
        return Task.FromResult(new NodeResult(node, 0, PrepareError is null, PrepareError) { SslRevisionSeen = Seen });
    }

    public Task AbandonSslAsync(string setupId)
    {
        Abandoned.Enqueue(setupId);
        return Task.CompletedTask;
    }

    public async Task GiveUpAsync(string clientId, long newEpoch)
    {
        GivenUp.Enqueue((clientId, newEpoch));
        if (OnGiveUp is { } hook)
        {
            await hook();
        }
    }

    public Task<NodeDescription> DescribeAsync() => throw new NotSupportedException("No grain asks this.");
    public Task<ImmutableArray<ClientDescription>> GetClientsAsync(string? after, int limit) => throw new NotSupportedException("No grain asks this.");
    public Task<ClientMatches> FindClientsAsync(ClientSearch search) => throw new NotSupportedException("No grain asks this.");
    public Task<ImmutableArray<RetainedLevel>> GetRetainedLevelsAsync(string? under, string? after, int limit) => throw new NotSupportedException("No grain asks this.");
    public Task<ClientDescription?> GetClientAsync(string clientId)
    {
        Interlocked.Increment(ref _looks);
        return Task.FromResult(Client);
    }

    public Task<bool> DisconnectAsync(string clientId, bool removeSession) => throw new NotSupportedException("No grain asks this.");
    public Task<ImmutableArray<RetainedDescription>> GetRetainedAsync(string filter, string? after, int limit) => throw new NotSupportedException("No grain asks this.");
    public Task<bool> DeleteRetainedAsync(string topic) => throw new NotSupportedException("No grain asks this.");
}
