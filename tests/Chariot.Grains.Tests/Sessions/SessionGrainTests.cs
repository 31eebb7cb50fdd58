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

public sealed class TwoSilos() : GrainCluster(2);

public sealed partial class SessionGrainTests : IClassFixture<TwoSilos>
{
    private static readonly Principal User = new("user");
    private readonly TwoSilos _kit;
    private readonly string _clientId = "client-" + Guid.NewGuid().ToString("N");

    public SessionGrainTests(TwoSilos kit)
    {
        _kit = kit;
        _kit.Reset();
        foreach (var silo in _kit.Silos)
        {
            _kit.Feed(silo).Credentials["user"] = new CredentialRecord("user", "", ["#"], ["a/#", "!a/secret"], true, 1);
        }
    }

    private SiloAddress A => _kit.Silos[0];

    private SiloAddress B => _kit.Silos[1];

    private ISessionGrain Session => _kit.Cluster.Client.GetGrain<ISessionGrain>(_clientId);

    [Fact]
    public async Task Open_OfATransientSession_WritesNothing()
    {
        var before = _kit.Storage.Writes;

        var opened = await OpenAsync(A, expiry: 0);
        await SubscribeAsync(opened.Epoch, "a/b");
        await Session.CloseAsync(opened.Epoch, 0, false);

        Assert.Equal(ReasonCode.Success, opened.Reason);
        Assert.False(opened.SessionPresent);
        Assert.True(opened.SessionId > 0);
        Assert.Equal(before, _kit.Storage.Writes);
        Assert.Null(await Session.DescribeAsync());
    }

    [Fact]
    public async Task Open_OfADurableSession_ResumesWithItsSubscriptions()
    {
        var first = await OpenAsync(A, expiry: 100);
        await SubscribeAsync(first.Epoch, "a/b");
        await Session.CloseAsync(first.Epoch, 100, false);

        var second = await OpenAsync(A, expiry: 50, clean: false);

        Assert.True(second.SessionPresent);
        Assert.Equal(first.SessionId, second.SessionId);
        Assert.True(second.Epoch > first.Epoch);
        Assert.Equal("a/b", Assert.Single(second.Subscriptions).Filter);
        Assert.Equal(0, second.DiscardedSessionId);
    }

    [Fact]
    public async Task DurableSession_SurvivesReactivation()
    {
        var first = await OpenAsync(A, expiry: 100);
        await SubscribeAsync(first.Epoch, "a/b");
        await _kit.Cluster.DeactivateAsync(Session);

        var record = await Session.DescribeAsync();

        Assert.NotNull(record);
        Assert.Equal((first.SessionId, first.Epoch, User), (record.SessionId, record.Epoch, record.Principal));
        Assert.Equal(ReasonCode.GrantedQos1, (await SubscribeAsync(first.Epoch, "a/c")).Reasons[0]);
        Assert.True((await OpenAsync(A, expiry: 100, clean: false)).Epoch > first.Epoch);
    }

    [Fact]
    public async Task Epoch_RisesOverTheReactivationOfAnUnwrittenSession()
    {
        var first = await OpenAsync(A, expiry: 0);
        await _kit.Cluster.DeactivateAsync(Session);

        var second = await OpenAsync(A, expiry: 0);

        Assert.True(second.Epoch > first.Epoch);
        Assert.True(second.Epoch < 1L << 53, "JSON readers keep 53 bits");
    }

    [Fact]
    public async Task CleanStart_OverADurableSession_NamesTheRowsToDelete()
    {
        var durable = await OpenAsync(A, expiry: 100);

        var transient = await OpenAsync(A, expiry: 0, clean: true);

        Assert.Equal(durable.SessionId, transient.DiscardedSessionId);
        Assert.NotEqual(durable.SessionId, transient.SessionId);
        Assert.False(_kit.Storage.Contains(StateNames.Session, _clientId));
        Assert.Equal(0, (await OpenAsync(A, expiry: 0)).DiscardedSessionId);
    }

    [Fact]
    public async Task CleanStart_OfADurableSessionOverAnother_ReplacesIt()
    {
        var old = await OpenAsync(A, expiry: 100);
        await SubscribeAsync(old.Epoch, "a/b");

        var fresh = await OpenAsync(A, expiry: 100, clean: true);

        Assert.Equal(old.SessionId, fresh.DiscardedSessionId);
        Assert.Empty(fresh.Subscriptions);
        Assert.True(_kit.Storage.Contains(StateNames.Session, _clientId));
    }

    [Fact]
    public async Task Resume_WithoutExpiry_KeepsTheRecordUntilItCloses()
    {
        var durable = await OpenAsync(A, expiry: 100);
        await Session.CloseAsync(durable.Epoch, 100, false);

        var last = await OpenAsync(A, expiry: 0, clean: false);
        Assert.True(last.SessionPresent);
        Assert.True(_kit.Storage.Contains(StateNames.Session, _clientId));

        await Session.CloseAsync(last.Epoch, 0, false);
        Assert.False(_kit.Storage.Contains(StateNames.Session, _clientId));
    }

    [Fact]
    public async Task Open_AfterExpiry_FindsNoSession()
    {
        var old = await OpenAsync(A, expiry: 60);
        await Session.CloseAsync(old.Epoch, 60, false);
        _kit.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Null(await Session.DescribeAsync());

        var fresh = await OpenAsync(A, expiry: 60, clean: false, principal: new Principal("other"));

        Assert.Equal(ReasonCode.Success, fresh.Reason);
        Assert.False(fresh.SessionPresent);
        Assert.NotEqual(old.SessionId, fresh.SessionId);
        Assert.Equal(old.SessionId, fresh.DiscardedSessionId);
    }

    [Fact]
    public async Task Open_BeforeExpiry_OrWithoutOne_FindsTheSession()
    {
        var first = await OpenAsync(A, expiry: uint.MaxValue);
        await Session.CloseAsync(first.Epoch, uint.MaxValue, false);
        _kit.Time.Advance(TimeSpan.FromDays(400));

        Assert.True((await OpenAsync(A, expiry: 60, clean: false)).SessionPresent);
    }

    [Theory]
    [InlineData(0u, false)]
    [InlineData(60u, false)]
    [InlineData(60u, true)]
    public async Task Open_ByAnotherPrincipal_IsRefusedWhileTheSessionExists(uint expiry, bool closed)
    {
        var owner = await OpenAsync(A, expiry);
        await SubscribeAsync(owner.Epoch, "a/b");
        if (closed)
        {
            await Session.CloseAsync(owner.Epoch, expiry, false);
        }

        foreach (var stranger in new[] { Principal.Anonymous, new Principal("other") })
        {
            var refused = await OpenAsync(B, 60, clean: true, principal: stranger);
            Assert.Equal(ReasonCode.NotAuthorized, refused.Reason);
            Assert.Empty(refused.Subscriptions);
        }

        Assert.Empty(_kit.Link(A).GivenUp);
        Assert.Equal(owner.Epoch, (await Session.DescribeAsync())!.Epoch);
    }

    [Fact]
    public async Task Open_ByAnotherPrincipal_IsAcceptedOnceATransientSessionEnded()
    {
        var owner = await OpenAsync(A, expiry: 0);
        await Session.CloseAsync(owner.Epoch, 0, false);

        Assert.Equal(ReasonCode.Success, (await OpenAsync(A, 0, principal: Principal.Anonymous)).Reason);
    }

    [Fact]
    public async Task StaleEpoch_IsRefusedByEveryMethod()
    {
        var old = await OpenAsync(A, expiry: 100);
        await SubscribeAsync(old.Epoch, "a/b");
        var current = await OpenAsync(B, expiry: 100, clean: false);

        Assert.Equal<ReasonCode>([ReasonCode.SessionTakenOver, ReasonCode.SessionTakenOver], (await SubscribeAsync(old.Epoch, "a/x", "b")).Reasons);
        Assert.Equal<ReasonCode>([ReasonCode.SessionTakenOver], await Session.UnsubscribeAsync(old.Epoch, ["a/b"]));
        await Session.CloseAsync(old.Epoch, 0, false);
        Assert.False(await Session.RemoveAsync(old.Epoch));

        var record = (await Session.DescribeAsync())!;
        Assert.Equal(current.Epoch, record.Epoch);
        Assert.Null(record.DisconnectedAt);
        Assert.Equal("a/b", Assert.Single(record.Subscriptions).Filter);
    }

    [Fact]
    public async Task UnknownSession_RefusesEveryEpoch()
    {
        Assert.Equal<ReasonCode>([ReasonCode.SessionTakenOver], (await SubscribeAsync(1, "a/x")).Reasons);
        Assert.Equal<ReasonCode>([ReasonCode.SessionTakenOver], await Session.UnsubscribeAsync(1, ["a/x"]));
        Assert.False(await Session.RemoveAsync(1));
    }

    [Fact]
    public async Task StoreFailure_RefusesAndLeavesTheSessionAsItWas()
    {
        var opened = await OpenAsync(A, expiry: 100);
        await SubscribeAsync(opened.Epoch, "a/b");
        _kit.Storage.OnWrite = _ => throw new IOException("disk full");

        Assert.Equal(ReasonCode.ImplementationSpecificError, (await SubscribeAsync(opened.Epoch, "a/c")).Reasons[0]);
        Assert.Equal<ReasonCode>([ReasonCode.ImplementationSpecificError], await Session.UnsubscribeAsync(opened.Epoch, ["a/b"]));
        Assert.Equal(ReasonCode.ServerUnavailable, (await OpenAsync(A, 100, clean: true)).Reason);
        await Assert.ThrowsAnyAsync<Exception>(async () => await Session.CloseAsync(opened.Epoch, 0, false));
        _kit.Storage.OnWrite = null;

        var record = (await Session.DescribeAsync())!;
        Assert.Equal((opened.SessionId, opened.Epoch), (record.SessionId, record.Epoch));
        Assert.Equal("a/b", Assert.Single(record.Subscriptions).Filter);
        Assert.True((await OpenAsync(A, 100, clean: false)).SessionPresent);
    }

    [Fact]
    public async Task Subscribe_WithRightsThatCannotBeRead_IsRefused()
    {
        var opened = await OpenAsync(A, expiry: 0);
        foreach (var silo in _kit.Silos)
        {
            _kit.Feed(silo).Unreadable = true;
        }

        Assert.Equal(ReasonCode.ImplementationSpecificError, (await SubscribeAsync(opened.Epoch, "a/b")).Reasons[0]);
        Assert.Empty((await Session.DescribeAsync())!.Subscriptions);
    }

    [Fact]
    public async Task Close_KeepsTheWillOnlyWhenItIsStillToBePublished()
    {
        var will = new WillRecord([1], [2], QualityOfService.AtLeastOnce, false) { DelaySeconds = 5 };
        var opened = await OpenAsync(A, 100, will: will);
        await Session.CloseAsync(opened.Epoch, 100, keepWill: true);
        Assert.NotNull((await Session.DescribeAsync())!.Will);

        opened = await OpenAsync(A, 100, clean: false, will: will);
        await Session.CloseAsync(opened.Epoch, 100, keepWill: false);
        Assert.Null((await Session.DescribeAsync())!.Will);
    }

    [Fact]
    public async Task Remove_EndsTheSession()
    {
        var opened = await OpenAsync(A, 100);

        Assert.True(await Session.RemoveAsync(opened.Epoch));

        Assert.Null(await Session.DescribeAsync());
        Assert.False(_kit.Storage.Contains(StateNames.Session, _clientId));
    }

    private async Task<OpenSessionResult> OpenAsync(SiloAddress silo, uint expiry, bool clean = true, Principal? principal = null, WillRecord? will = null)
    {
        // From the silo itself, as its edge would: the placement of the grain depends on it.
        var factory = (IGrainFactory)_kit.Cluster.GetSiloServiceProvider(silo).GetService(typeof(IGrainFactory))!;
        return await factory.GetGrain<ISessionGrain>(_clientId).OpenAsync(new OpenSession(silo, principal ?? User, clean, expiry, will));
    }

    private async Task<SubscribeResult> SubscribeAsync(long epoch, params string[] filters) =>
        await Session.SubscribeAsync(epoch, [.. filters.Select(filter => new SubscriptionRecord(filter, QualityOfService.AtLeastOnce))]);

    private void SetMqtt(MqttSettings settings, long revision = 2)
    {
        foreach (var silo in _kit.Silos)
        {
            _kit.Feed(silo).Current = new BrokerConfiguration { Revision = revision, Mqtt = settings };
        }
    }

    private async Task PlaceTopicAsync(string filter, SiloAddress silo)
    {
        var topic = _kit.Cluster.Client.GetGrain<ITopicGrain>(TopicGrainKey.For(filter));
        await topic.GetSilosAsync(filter);
        if (_kit.Cluster.TryGetGrainContext(topic.GetGrainId(), out var context) && !context!.Address.SiloAddress!.Equals(silo))
        {
            await _kit.Cluster.MigrateAsync(topic, silo);
        }

        await Eventually.HoldsAsync(async () =>
        {
            await topic.GetSilosAsync(filter);
            return _kit.Cluster.TryGetGrainContext(topic.GetGrainId(), out var placed) && placed!.Address.SiloAddress!.Equals(silo);
        });
    }
}
