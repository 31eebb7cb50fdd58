using System.Net;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Grains.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Storage;

namespace Chariot.Grains.Tests.Configuration;

/// <summary>Grain states keep every value through the serializer that storage providers get unless told otherwise.</summary>
public sealed class StoredStateTests(OneSilo kit) : ConfigurationTest(kit)
{
    [Fact]
    public void Configuration_RoundTrips()
    {
        var staged = new StagedSslFile(Sealed(), new SslFileLabel("key.pem", DateTimeOffset.UnixEpoch), [new Finding("key.small", FindingSeverity.Warning, "Small.") { Line = 3 }], "a key", DateTimeOffset.UnixEpoch);
        var state = new ConfigurationState { PendingCredential = "p", EraseDue = true, LogFloor = 0 };
        state = state.Next(state.Current with { Ssl = Ssl("one"), Mqtt = new MqttSettings { AnonymousCredential = "guest" } }, "user");
        state = state.WithHistory(Ssl("one") with { SetUpBy = "admin" }, DateTimeOffset.UnixEpoch).WithHistory(null, DateTimeOffset.UnixEpoch.AddDays(1));
        state = state with { Staged = state.Staged.Add(SslFile.CaChain, staged), PendingKey = staged with { GeneratedKeyId = "g", ExpiresAt = DateTimeOffset.MaxValue } };

        var copy = RoundTrip(state);

        Assert.Equal((1, "guest", "one"), (copy.Current.Revision, copy.Current.Mqtt.AnonymousCredential, copy.Current.Ssl!.SetupId));
        Assert.Equal(state.Current.Ssl!.PrivateKey.Ciphertext, copy.Current.Ssl.PrivateKey.Ciphertext);
        Assert.Equal(state.Current.Ssl.Details.NotAfter, copy.Current.Ssl.Details.NotAfter);
        Assert.Equal(new CredentialLogEntry(1, "user"), Assert.Single(copy.Log));
        Assert.Equal(staged.Content.WrappedKey, copy.Staged[SslFile.CaChain].Content.WrappedKey);
        Assert.Equal(3, Assert.Single(copy.Staged[SslFile.CaChain].Findings).Line);
        Assert.Equal(("p", true), (copy.PendingCredential, copy.EraseDue));
        Assert.Equal(("g", DateTimeOffset.MaxValue), (copy.PendingKey!.GeneratedKeyId, copy.PendingKey.ExpiresAt));
        Assert.Equal(staged.Content.Ciphertext, copy.PendingKey.Content.Ciphertext);
        Assert.Equal(Assert.Single(state.History), Assert.Single(copy.History));
    }

    [Fact]
    public void Session_RoundTrips()
    {
        var record = new SessionRecord
        {
            ClientId = "c",
            SessionId = 5,
            Epoch = 6,
            Principal = new Principal("user"),
            Owner = SiloAddress.New(IPAddress.Loopback, 11111, 7),
            ExpirySeconds = uint.MaxValue,
            Subscriptions = [new SubscriptionRecord("a/#", QualityOfService.ExactlyOnce) { NoLocal = true, SubscriptionIdentifier = 9 }],
            Will = new WillRecord([1], [2], QualityOfService.AtLeastOnce, true) { DelaySeconds = 3 },
            DisconnectedAt = DateTimeOffset.UnixEpoch.AddSeconds(1),
        };

        var copy = RoundTrip(record);

        Assert.Equal((record.ClientId, record.SessionId, record.Epoch, record.Principal, record.Owner), (copy.ClientId, copy.SessionId, copy.Epoch, copy.Principal, copy.Owner));
        Assert.Equal((record.ExpirySeconds, record.DisconnectedAt), (copy.ExpirySeconds, copy.DisconnectedAt));
        Assert.Equal(record.Subscriptions[0], Assert.Single(copy.Subscriptions));
        Assert.Equal((record.Will.Payload[0], 3u, true), (copy.Will!.Payload[0], copy.Will.DelaySeconds, copy.Will.Retain));
        Assert.True(RoundTrip(new SessionRecord()).Principal.IsAnonymous);
    }

    [Fact]
    public void Credential_RoundTrips()
    {
        var record = new CredentialRecord("user", "verifier", ["a/#", "!b"], ["c"], true, 7);

        var copy = RoundTrip(record);

        Assert.Equal(("user", "verifier", true, 7L), (copy.Username, copy.PasswordVerifier, copy.Enabled, copy.Revision));
        Assert.Equal<string>(["a/#", "!b"], copy.PublishAcl);
        Assert.Equal<string>(["c"], copy.SubscribeAcl);
    }

    private T RoundTrip<T>(T value)
        where T : class
    {
        var serializer = Kit.Cluster.GetSiloServiceProvider(Kit.Silos[0]).GetRequiredService<IGrainStorageSerializer>();
        return serializer.Deserialize<T>(serializer.Serialize(value))!;
    }
}
