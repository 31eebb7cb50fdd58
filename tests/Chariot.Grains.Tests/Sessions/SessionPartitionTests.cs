using System.Net;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Topics;
using Chariot.Grains.Tests.Kit;
using Orleans.Runtime;

namespace Chariot.Grains.Tests.Sessions;

public sealed class PartitionSilos() : GrainCluster(1);

public sealed class SessionPartitionTests : IClassFixture<PartitionSilos>, IAsyncLifetime
{
    private readonly PartitionSilos _kit;
    private readonly SiloAddress _lost = SiloAddress.New(IPAddress.Loopback, 50_001, Random.Shared.Next(1, int.MaxValue));
    private readonly string _clientId = "client-" + Guid.NewGuid().ToString("N");

    public SessionPartitionTests(PartitionSilos kit)
    {
        _kit = kit;
        _kit.Reset();
    }

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>No partition remembers what the next test's store does not hold.</summary>
    public async Task DisposeAsync()
    {
        for (var partition = 0; partition < SessionPartitions.Count; partition++)
        {
            var grain = _kit.Cluster.Client.GetGrain<ISessionPartitionGrain>(partition);
            await grain.FindHolderAsync(_kit.Silos[0]);
            await _kit.Cluster.DeactivateAsync(grain);
        }
    }

    private int PartitionOfClient => SessionPartitions.Of(_clientId);

    private ISessionPartitionGrain Grain => _kit.Cluster.Client.GetGrain<ISessionPartitionGrain>(PartitionOfClient);

    [Fact]
    public async Task Adopt_GivesTheSessionsOfALostSilo_ToALiveOne_Once()
    {
        Store(_clientId, _lost);
        _kit.RemoveSilo(_lost);

        await Grain.AdoptAsync();
        await Grain.AdoptAsync();

        var (silo, partition, owners, epoch) = Assert.Single(_kit.Adopted);
        Assert.Equal((_kit.Silos[0], PartitionOfClient), (silo, partition));
        Assert.Equal(_lost, Assert.Single(owners).Owner);
        Assert.Equal(_lost, Assert.Single(owners[0].Holders));
        Assert.Equal(new SessionHolder(silo, epoch), await Grain.FindHolderAsync(_lost));
    }

    [Fact]
    public async Task Adopt_LeavesSessionsOfLiveSilos_AndOtherPartitions()
    {
        var (other, _) = _kit.AddSilo();
        Store(_clientId, other);
        Store(Enumerable.Range(0, 1000).Select(i => $"x{i}").First(id => SessionPartitions.Of(id) != PartitionOfClient), _lost);
        _kit.RemoveSilo(_lost);

        await Grain.AdoptAsync();

        Assert.Empty(_kit.Adopted);
        Assert.Null(await Grain.FindHolderAsync(_lost));
    }

    [Fact]
    public async Task Adopt_ThatFailed_IsAskedAgain_AndKeepsWhatWasHeldForTheFirst()
    {
        Store(_clientId, _lost);
        _kit.RemoveSilo(_lost);
        _kit.OnAdopt = _ => throw new IOException("unreachable");
        await Assert.ThrowsAsync<IOException>(() => Grain.AdoptAsync());
        _kit.OnAdopt = null;

        await Grain.AdoptAsync();

        Assert.Equal(2, _kit.Adopted.Count);
        Assert.All(_kit.Adopted, asked => Assert.Equal(_lost, Assert.Single(asked.Owners[0].Holders)));
        Assert.True(_kit.Adopted.Last().Epoch > _kit.Adopted.First().Epoch);
    }

    [Fact]
    public async Task Adopt_WhenTheAdopterIsLostToo_NamesItAsTheHolder()
    {
        // The adopter is chosen by partition among the silos in order: both are tried.
        var (second, _) = _kit.AddSilo();
        Store(_clientId, _lost);
        _kit.RemoveSilo(_lost);
        await Grain.AdoptAsync();
        var first = Assert.Single(_kit.Adopted).Silo;
        if (!first.Equals(second))
        {
            // The grain's own silo cannot be removed; it keeps the sessions.
            Assert.Equal(_kit.Silos[0], first);
            return;
        }

        _kit.RemoveSilo(second);
        await Grain.AdoptAsync();

        Assert.Equal((_kit.Silos[0], second), (_kit.Adopted.Last().Silo, Assert.Single(_kit.Adopted.Last().Owners[0].Holders)));
    }

    [Fact]
    public async Task Open_OfASessionWhoseSiloIsLost_TakesItFromTheAdopter()
    {
        var (owner, _) = _kit.AddSilo();
        var (adopter, link) = _kit.AddSilo();
        _kit.Feed(_kit.Silos[0]).Credentials["user"] = new CredentialRecord("user", "", ["#"], ["#"], true, 1);
        // A partition that the adopter gets of the two silos that are left.
        var clientId = Enumerable.Range(0, 1000).Select(i => $"{_clientId}{i}").First(id => (SessionPartitions.Of(id) % 2) == AdopterIndex(adopter));
        var session = _kit.Cluster.Client.GetGrain<ISessionGrain>(clientId);
        var opened = await session.OpenAsync(new OpenSession(owner, new Principal("user"), false, 100, null));
        Store(clientId, owner, opened);
        _kit.RemoveSilo(owner);

        var again = await session.OpenAsync(new OpenSession(_kit.Silos[0], new Principal("user"), false, 100, null));

        Assert.Equal(ReasonCode.Success, again.Reason);
        Assert.True(again.SessionPresent);
        Assert.Equal(adopter, again.PreviousOwner);
        Assert.Equal((clientId, again.Epoch), Assert.Single(link.GivenUp));
        Assert.True(again.Epoch > Assert.Single(_kit.Adopted).Epoch);
    }

    private int AdopterIndex(SiloAddress adopter) => new[] { _kit.Silos[0], adopter }.Order().ToList().IndexOf(adopter);

    private void Store(string clientId, SiloAddress owner, OpenSessionResult? opened = null) => _kit.Stored[clientId] = new SessionRecord
    {
        ClientId = clientId,
        SessionId = opened?.SessionId ?? 7,
        Epoch = opened?.Epoch ?? 1,
        Owner = owner,
        ExpirySeconds = 100,
        Subscriptions = [new SubscriptionRecord("a", QualityOfService.AtLeastOnce)],
    };
}
