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

/// <summary>What may be subscribed to.</summary>
public sealed partial class SessionGrainTests
{
    [Fact]
    public async Task Subscribe_DecidesPerFilterAndRecordsTheGranted()
    {
        var opened = await OpenAsync(A, expiry: 100);

        var result = await SubscribeAsync(opened.Epoch, "a/b", "a/#", "b", "$share/g/a/c", "$share/g/b");

        Assert.Equal<ReasonCode>([ReasonCode.GrantedQos1, ReasonCode.NotAuthorized, ReasonCode.NotAuthorized, ReasonCode.GrantedQos1, ReasonCode.NotAuthorized], result.Reasons);
        Assert.Equal(1, result.Revision);
        Assert.Equal(["a/b", "$share/g/a/c"], (await Session.DescribeAsync())!.Subscriptions.Select(s => s.Filter));
    }

    [Fact]
    public async Task Subscribe_Again_ReplacesTheSubscription()
    {
        var opened = await OpenAsync(A, expiry: 100);
        await SubscribeAsync(opened.Epoch, "a/b");

        await Session.SubscribeAsync(opened.Epoch, [new SubscriptionRecord("a/b", QualityOfService.AtMostOnce), new SubscriptionRecord("a/b", QualityOfService.ExactlyOnce)]);

        Assert.Equal(QualityOfService.ExactlyOnce, Assert.Single((await Session.DescribeAsync())!.Subscriptions).QualityOfService);
    }

    [Fact]
    public async Task Unsubscribe_AnswersPerFilter()
    {
        var opened = await OpenAsync(A, expiry: 100);
        await SubscribeAsync(opened.Epoch, "a/b", "a/c");

        Assert.Equal<ReasonCode>([ReasonCode.Success, ReasonCode.NoSubscriptionExisted, ReasonCode.NoSubscriptionExisted], await Session.UnsubscribeAsync(opened.Epoch, ["a/b", "a/x", "a/b"]));
        Assert.Equal("a/c", Assert.Single((await Session.DescribeAsync())!.Subscriptions).Filter);
    }

    [Fact]
    public async Task Subscribe_OfAnonymous_FollowsTheMapping()
    {
        var opened = await OpenAsync(A, expiry: 0, principal: Principal.Anonymous);
        Assert.Equal(ReasonCode.GrantedQos1, (await SubscribeAsync(opened.Epoch, "#")).Reasons[0]);

        SetMqtt(new MqttSettings { AllowAnonymous = true, AnonymousCredential = "user" });
        Assert.Equal<ReasonCode>([ReasonCode.NotAuthorized, ReasonCode.GrantedQos1], (await SubscribeAsync(opened.Epoch, "#", "a/b")).Reasons);

        SetMqtt(new MqttSettings { AllowAnonymous = false, AnonymousCredential = "user" });
        Assert.Equal(ReasonCode.NotAuthorized, (await SubscribeAsync(opened.Epoch, "a/b")).Reasons[0]);
    }

    [Fact]
    public async Task Subscribe_RegistersTheFilterWithItsTopicGrain()
    {
        var opened = await OpenAsync(A, expiry: 0);
        var filter = $"a/{_clientId}";

        await SubscribeAsync(opened.Epoch, $"$share/g/{filter}");

        var topic = _kit.Cluster.Client.GetGrain<ITopicGrain>(TopicGrainKey.For(filter));
        Assert.Equal<SiloAddress>([A], await topic.GetSilosAsync(filter));
        await topic.UnregisterAsync(filter, A);
        Assert.Empty(await topic.GetSilosAsync(filter));
    }

    [Fact]
    public async Task TopicGrain_RefusesADecisionOlderThanItsRevision()
    {
        var filter = $"a/{_clientId}";
        SetMqtt(new MqttSettings { AllowAnonymous = true }, revision: 9);
        var topic = _kit.Cluster.Client.GetGrain<ITopicGrain>(TopicGrainKey.For(filter));

        Assert.Equal(ReasonCode.NotAuthorized, await topic.RegisterAsync(filter, A, 8));
        Assert.Equal(ReasonCode.Success, await topic.RegisterAsync(filter, A, 9));
    }

    [Fact]
    public async Task Subscribe_DecidedUnderAnOldRevision_IsDecidedAgain()
    {
        // The session's silo learns last that the right was withdrawn; wherever the topic grain is, its silo knows.
        var opened = await OpenAsync(A, expiry: 0);
        await Eventually.HoldsAsync(() => _kit.Cluster.TryGetGrainContext(Session.GetGrainId(), out var c) && c!.Address.SiloAddress!.Equals(A));
        var filter = $"a/{_clientId}";
        _kit.Feed(B).Current = _kit.Feed(B).Current with { Revision = 2 };
        _kit.Feed(A).Current = _kit.Feed(A).Current with { Revision = 1 };
        await PlaceTopicAsync(filter, B);

        var subscribing = SubscribeAsync(opened.Epoch, filter);
        await Eventually.HoldsAsync(() => _kit.Feed(A).Reads >= 2);
        Assert.False(subscribing.IsCompleted);
        _kit.Feed(A).Credentials["user"] = new CredentialRecord("user", "", [], [], true, 2);
        _kit.Feed(A).Current = _kit.Feed(A).Current with { Revision = 2 };

        Assert.Equal(ReasonCode.NotAuthorized, (await subscribing).Reasons[0]);
    }
}
