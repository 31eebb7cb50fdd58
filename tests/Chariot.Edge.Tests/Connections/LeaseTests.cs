using Chariot.Abstractions.Configuration;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Connections;

/// <summary>A node that does not know whether its configuration is still the committed one serves nothing.</summary>
public sealed class LeaseTests : IDisposable
{
    private readonly ConfigurationLease _lease = new(new ConfigurationLeaseOptions(Required: true));
    private readonly EdgeKit _kit;
    private readonly ScriptedTransport _toSubscriber = new();

    public LeaseTests()
    {
        _kit = new EdgeKit(lease: _lease);
        _kit.Connect(_kit.Session("s", 2, false, new SubscriptionRecord("#", QualityOfService.AtMostOnce)), _toSubscriber);
    }

    public void Dispose() => _kit.Dispose();

    [Fact]
    public async Task WhatArrivesWithoutALease_IsHandledWhenItIsRenewed_NotBefore()
    {
        var wire = new ScriptedTransport();
        var connection = _kit.Connect(_kit.Session("p", 1, durable: false), wire);
        var run = connection.RunAsync();

        byte[] packet = EdgeKit.PublishPacket("t", "after the lease");
        wire.Arrive(packet);
        wire.EndOfStream();
        Assert.Empty(_toSubscriber.TakeSent());
        Assert.False(run.IsCompleted);

        _lease.Extend(TimeSpan.FromMinutes(1));
        await run.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(packet, _toSubscriber.TakeSent());
    }

    [Fact]
    public async Task AConnectionClosedWhileItWaits_HandlesNothing()
    {
        var wire = new ScriptedTransport();
        var connection = _kit.Connect(_kit.Session("p", 1, durable: false), wire);
        var run = connection.RunAsync();

        wire.Arrive(EdgeKit.PublishPacket("t", "withdrawn"));
        connection.Abort();
        _lease.Extend(TimeSpan.FromMinutes(1));

        await run.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Empty(_toSubscriber.TakeSent());
    }

    [Fact]
    public void ALease_IsNotShortened()
    {
        _lease.Extend(TimeSpan.FromMinutes(1));
        _lease.Extend(TimeSpan.FromSeconds(-1));

        Assert.True(_lease.IsHeld);
    }

    [Fact]
    public async Task ARenewalThatHasRunOutAlready_WakesNobody()
    {
        var waiting = _lease.WaitAsync().AsTask();
        _lease.Extend(TimeSpan.FromMilliseconds(-5));

        Assert.False(_lease.IsHeld);
        _lease.Extend(TimeSpan.FromMinutes(1));
        await waiting.WaitAsync(TimeSpan.FromSeconds(30));
    }
}
