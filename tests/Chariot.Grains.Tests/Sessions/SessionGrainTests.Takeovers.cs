using System.Collections.Immutable;
using Chariot.Abstractions;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Sessions;
using Chariot.Abstractions.Stores;
using Chariot.Abstractions.Topics;
using Chariot.Grains.Tests.Kit;
using Orleans.Runtime;

namespace Chariot.Grains.Tests.Sessions;

/// <summary>Who has the session when two want it.</summary>
public sealed partial class SessionGrainTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoClientsThatFight_WaitAfterTheFifthTakeover_AndTheOneThatIsThereStays(bool onTwoSilos)
    {
        var there = await OpenAsync(A, expiry: 0);
        for (var i = 0; i < 5; i++)
        {
            var silo = onTwoSilos && i % 2 == 0 ? B : A;
            there = await OpenAsync(silo, expiry: 0);
            Assert.Equal(ReasonCode.Success, there.Reason);
            // The activation follows its client once, with what it remembers; then it stays where it is until the fight is over.
            await Eventually.HoldsAsync(async () =>
                await Session.DescribeAsync() is not null
                && _kit.Cluster.TryGetGrainContext(Session.GetGrainId(), out var context) && context!.Address.SiloAddress!.Equals(onTwoSilos ? B : A));
        }

        _kit.Link(A).Client = _kit.Link(B).Client = new ClientDescription { ClientId = _clientId, Node = "there", Connected = true };
        Assert.Equal(ReasonCode.ConnectionRateExceeded, (await OpenAsync(onTwoSilos ? B : A, expiry: 0)).Reason);
        Assert.Equal(ReasonCode.GrantedQos1, (await SubscribeAsync(there.Epoch, "a/c")).Reasons[0]);
        _kit.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(ReasonCode.Success, (await OpenAsync(B, expiry: 0)).Reason);
    }

    /// <summary>Its new CONNECT is faster than what its old silo has to say about the end of the last one.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClientThatMovesFasterThanItsSilosTell_DoesNotFight(bool isKnown)
    {
        for (var i = 0; i < 12; i++)
        {
            var silo = i % 2 == 0 ? A : B;
            Assert.Equal(ReasonCode.Success, (await OpenAsync(silo, expiry: 100, clean: false)).Reason);
            _kit.Link(silo).Client = isKnown ? new ClientDescription { ClientId = _clientId, Node = "left", Connected = false, DisconnectedAt = DateTimeOffset.UnixEpoch } : null;
        }
    }

    [Fact]
    public async Task ClientWhoseEndIsOnItsWayToItsEdge_IsWaitedFor()
    {
        var there = new ClientDescription { ClientId = _clientId, Node = "there", Connected = true };
        for (var i = 0; i < 6; i++)
        {
            Assert.Equal(ReasonCode.Success, (await OpenAsync(A, expiry: 100, clean: false)).Reason);
        }

        _kit.Link(A).Client = there;
        var opening = OpenAsync(B, expiry: 100, clean: false);
        await Eventually.HoldsAsync(() => _kit.Link(A).Looks > 0);
        _kit.Link(A).Client = there with { Connected = false, DisconnectedAt = DateTimeOffset.UnixEpoch };

        Assert.Equal(ReasonCode.Success, (await opening).Reason);
    }

    [Fact]
    public async Task ClientThatComesAndGoes_DoesNotFight()
    {
        for (var i = 0; i < 20; i++)
        {
            var opened = await OpenAsync(A, expiry: 100, clean: false);
            Assert.Equal(ReasonCode.Success, opened.Reason);
            await Session.CloseAsync(opened.Epoch, 100, false);
        }
    }

    [Fact]
    public async Task Takeover_FromAnotherSilo_WaitsUntilItGaveUp()
    {
        var held = new TaskCompletionSource();
        var first = await OpenAsync(A, expiry: 100);
        _kit.Link(A).OnGiveUp = () => held.Task;

        var opening = OpenAsync(B, expiry: 100, clean: false);
        await Eventually.HoldsAsync(() => !_kit.Link(A).GivenUp.IsEmpty);
        Assert.False(opening.IsCompleted);
        Assert.Equal(first.Epoch, (await Session.DescribeAsync())!.Epoch);
        held.SetResult();
        var second = await opening;

        Assert.Equal((_clientId, second.Epoch), Assert.Single(_kit.Link(A).GivenUp));
        Assert.True(second.SessionPresent);
        Assert.Empty(_kit.Link(B).GivenUp);
        Assert.Equal(B, (await Session.DescribeAsync())!.Owner);
    }

    [Fact]
    public async Task Takeover_FromASiloThatDoesNotAnswer_IsBounded()
    {
        await OpenAsync(A, expiry: 100);
        var never = new TaskCompletionSource();
        _kit.Time.OthersAreSilent = true;
        _kit.Link(A).OnGiveUp = () => never.Task;

        Assert.Equal(ReasonCode.Success, (await OpenAsync(B, expiry: 100, clean: false)).Reason);
    }

    [Fact]
    public async Task Takeover_OnTheSameSiloOrFromADeadOne_AsksNobody()
    {
        await OpenAsync(A, expiry: 100);
        await OpenAsync(A, expiry: 100, clean: false);
        _kit.RemoveSilo(A);

        Assert.True((await OpenAsync(B, expiry: 100, clean: false)).SessionPresent);
        Assert.Empty(_kit.Link(A).GivenUp);
    }

    [Fact]
    public async Task TransientSession_EndsWithItsSilo()
    {
        await OpenAsync(A, expiry: 0);
        _kit.RemoveSilo(A);

        Assert.Null(await Session.DescribeAsync());
        Assert.Equal(ReasonCode.Success, (await OpenAsync(B, 0, principal: new Principal("other"))).Reason);
    }

    [Fact]
    public async Task Activation_FollowsItsClientAndTakesAnUnwrittenSessionAlong()
    {
        await OpenAsync(A, expiry: 0);
        var second = await OpenAsync(B, expiry: 0);
        await Eventually.HoldsAsync(async () =>
            await Session.DescribeAsync() is not null
            && _kit.Cluster.TryGetGrainContext(Session.GetGrainId(), out var context) && context!.Address.SiloAddress!.Equals(B));

        Assert.Equal(ReasonCode.GrantedQos1, (await SubscribeAsync(second.Epoch, "a/b")).Reasons[0]);
        Assert.Equal(ReasonCode.NotAuthorized, (await OpenAsync(B, 0, principal: Principal.Anonymous)).Reason);
    }
}
