using System.Security.Cryptography;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Grains.Tests.Kit;

namespace Chariot.Grains.Tests.Configuration;

public sealed class OneSilo() : GrainCluster(1)
{
    internal Task AppliedAsync(long revision) =>
        Eventually.HoldsAsync(() => Link(Silos[0]).Applied.Any(update => update.Configuration.Revision == revision));
}

/// <summary>Starts each test without a configuration and without a grain that remembers one.</summary>
public abstract class ConfigurationTest(OneSilo kit) : IClassFixture<OneSilo>, IAsyncLifetime
{
    private readonly HashSet<string> _usernames = [];

    internal OneSilo Kit { get; } = kit;

    internal IConfigurationGrain Grain => Kit.Cluster.Client.GetGrain<IConfigurationGrain>(IConfigurationGrain.Key);

    public Task InitializeAsync()
    {
        Kit.Reset();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        Kit.Storage.OnWrite = null;
        Kit.Maintenance.OnErase = null;
        foreach (var username in _usernames)
        {
            await Credential(username).GetAsync();
            await Kit.Cluster.DeactivateAsync(Credential(username));
        }

        await Grain.GetAsync();
        await Kit.Cluster.DeactivateAsync(Grain);
    }

    internal ICredentialGrain Credential(string username)
    {
        _usernames.Add(username);
        return Kit.Cluster.Client.GetGrain<ICredentialGrain>(username);
    }

    internal async Task<ChangeResult> PutAsync(string username, bool create, string? verifier = "verifier", bool enabled = true, long? expected = null)
    {
        Credential(username);
        return await Grain.PutCredentialAsync(new CredentialChange(username, verifier, ["a/#"], ["b/#"], enabled), create, expected);
    }

    internal static SslConfiguration Ssl(string setupId) => new()
    {
        SetupId = setupId,
        PrivateKey = Sealed(),
        Certificate = RandomNumberGenerator.GetBytes(20),
        Details = new CertificateDetails
        {
            Subject = "CN=broker",
            Issuer = "CN=ca",
            SerialNumber = "01",
            NotBefore = DateTimeOffset.UnixEpoch,
            NotAfter = DateTimeOffset.UnixEpoch.AddYears(100),
            KeyType = "EC",
            KeyBits = 256,
            SignatureAlgorithm = "ecdsa-with-SHA256",
            Sha256Fingerprint = setupId,
        },
    };

    internal static SealedSecret Sealed() => new(RandomNumberGenerator.GetBytes(8), RandomNumberGenerator.GetBytes(8), RandomNumberGenerator.GetBytes(8));
}
