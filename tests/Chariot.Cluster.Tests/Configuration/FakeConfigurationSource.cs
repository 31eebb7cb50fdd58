using System.Collections.Concurrent;
using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Configuration;

namespace Chariot.Cluster.Tests.Configuration;

/// <summary>The grains, as far as the feed sees them.</summary>
internal sealed class FakeConfigurationSource : IConfigurationSource
{
    private int _updateReads;
    private int _credentialReads;

    public BrokerConfiguration Configuration { get; set; } = new();

    /// <summary>Credential changes, with the revision that made them.</summary>
    public ConcurrentQueue<(long Revision, string Username)> Changes { get; } = new();

    public ConcurrentDictionary<string, CredentialRecord> Credentials { get; } = new();

    public bool Failing { get; set; }

    /// <summary>When set, runs after a read has seen the record and before it answers.</summary>
    public Func<string, Task>? CredentialRead { get; set; }

    public Func<Task>? UpdateRead { get; set; }

    public int UpdateReads => Volatile.Read(ref _updateReads);

    public int CredentialReads => Volatile.Read(ref _credentialReads);

    public void Put(string username, long revision)
    {
        Credentials[username] = new CredentialRecord(username, "", ["#"], ["#"], true, revision);
        Configuration = Configuration with { Revision = revision };
        Changes.Enqueue((revision, username));
    }

    public ConfigurationUpdate Update(long since) =>
        new(Configuration, [.. Changes.Where(change => change.Revision > since).Select(change => change.Username)]);

    public async Task<ConfigurationUpdate> GetUpdateAsync(long sinceRevision)
    {
        Interlocked.Increment(ref _updateReads);
        if (Failing)
        {
            throw new TimeoutException("The store does not answer.");
        }

        var update = Update(sinceRevision);
        if (UpdateRead is { } wait)
        {
            await wait();
        }

        return update;
    }

    public bool Grants { get; set; } = true;

    public async Task<LeaseAnswer> RenewLeaseAsync(long sinceRevision) => new(await GetUpdateAsync(sinceRevision), Grants);

    public ClientTrust ClientTrust { get; set; } = ClientTrust.None;

    public int ClientTrustReads { get; private set; }

    public Task<ClientTrust> GetClientTrustAsync()
    {
        ClientTrustReads++;
        return Failing ? throw new TimeoutException("The store does not answer.") : Task.FromResult(ClientTrust);
    }

    public async Task<CredentialRecord?> GetCredentialAsync(string username)
    {
        Interlocked.Increment(ref _credentialReads);
        if (Failing)
        {
            throw new TimeoutException("The store does not answer.");
        }

        var record = Credentials.GetValueOrDefault(username);
        if (CredentialRead is { } wait)
        {
            await wait(username);
        }

        return record;
    }
}
