using System.Collections.Concurrent;
using Chariot.Abstractions.Configuration;
using Chariot.Cluster.Configuration;
using Chariot.Cluster.Secrets;
using Chariot.Cluster.Tests.Secrets;
using Chariot.Cluster.Tests.Tls;
using Chariot.Cluster.Tls;
using Microsoft.Extensions.Time.Testing;

namespace Chariot.Cluster.Tests.Configuration;

/// <summary>A feed between fake grains and two fake consumers, on a clock that the test moves.</summary>
internal sealed class FeedKit : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public FeedKit()
    {
        MasterKey = MasterKey.Open(_directory.File("master.key"), createWhenMissing: true);
        Sealer = new SecretSealer(MasterKey);
        First = new FakeConsumer("first", Journal);
        Second = new FakeConsumer("second", Journal);
        Feed = new ConfigurationFeed(
            Source,
            new TlsMaterialFactory(Sealer, MasterKey),
            () => [First, Second],
            new ConfigurationFeedOptions { NodeName = "node-1" },
            Lease,
            Time,
            Logger);
    }

    public ConfigurationLease Lease { get; } = new(new ConfigurationLeaseOptions(Required: true));

    public FakeConfigurationSource Source { get; } = new();

    public FakeTimeProvider Time { get; } = new();

    public RecordingLogger<ConfigurationFeed> Logger { get; } = new();

    public ConcurrentQueue<string> Journal { get; } = new();

    public FakeConsumer First { get; }

    public FakeConsumer Second { get; }

    public MasterKey MasterKey { get; }

    public SecretSealer Sealer { get; }

    public ConfigurationFeed Feed { get; }

    public SslConfiguration Ssl(string setupId) => TestPki.Shared.Configure(Sealer, setupId);

    /// <summary>Sealed under a master key that this node does not have.</summary>
    public SslConfiguration ForeignSsl(string setupId)
    {
        using var other = MasterKey.Open(_directory.File("other.key"), createWhenMissing: true);
        return TestPki.Shared.Configure(new SecretSealer(other), setupId);
    }

    public static ConfigurationUpdate Push(long revision, SslConfiguration? ssl = null, params string[] changed) =>
        new(new BrokerConfiguration { Revision = revision, Ssl = ssl }, [.. changed]);

    public Task<NodeResult> StartAsync() => Feed.StartAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await Feed.DisposeAsync();
        MasterKey.Dispose();
        _directory.Dispose();
    }

    /// <summary>Moves the clock period by period until <paramref name="reached"/>; for work that the clock only starts.</summary>
    public async Task AdvanceUntilAsync(TimeSpan step, Func<bool> reached)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!reached())
        {
            deadline.Token.ThrowIfCancellationRequested();
            Time.Advance(step);
            await Task.Delay(1, deadline.Token);
        }
    }
}
