using System.Collections.Concurrent;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;

namespace Chariot.Grains.Tests.Kit;

/// <summary>What one silo knows of the configuration.</summary>
internal sealed class TestFeed : IConfigurationFeed
{
    private volatile BrokerConfiguration _current = new() { Revision = 1, Mqtt = new MqttSettings { AllowAnonymous = true } };

    private int _reads;

    public ConcurrentDictionary<string, CredentialRecord> Credentials { get; } = [];

    public BrokerConfiguration Current
    {
        get => _current;
        set => _current = value;
    }

    public TlsMaterial? Tls => null;

    /// <summary>How often a credential was asked for: once per decision.</summary>
    public int Reads => Volatile.Read(ref _reads);

    public ValueTask<CredentialRecord?> FindCredentialAsync(string username, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _reads);
        if (Unreadable)
        {
            throw new IOException("The store is away.");
        }

        return ValueTask.FromResult(Credentials.GetValueOrDefault(username));
    }

    public bool Unreadable { get; set; }

    public void Reset()
    {
        Unreadable = false;
        Current = new TestFeed().Current;
        Credentials.Clear();
        Interlocked.Exchange(ref _reads, 0);
    }
}
