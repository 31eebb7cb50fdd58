using System.Net;
using Chariot.Abstractions.Configuration;
using Chariot.Grains.Configuration;
using Microsoft.Extensions.Time.Testing;
using Orleans.Runtime;

namespace Chariot.Grains.Tests.Configuration;

/// <summary>When a change may be answered although a silo said nothing, and when the grain may not grant.</summary>
public sealed class LeaseTableTests
{
    private static readonly SiloAddress s_local = SiloAddress.New(IPAddress.Loopback, 1, 1);
    private static readonly SiloAddress s_other = SiloAddress.New(IPAddress.Loopback, 2, 1);
    private static readonly SiloAddress[] s_both = [s_local, s_other];
    private readonly FakeTimeProvider _time = new();
    private readonly LeaseTable _leases;

    public LeaseTableTests()
    {
        _leases = new LeaseTable(required: true, _time);
        // What an earlier activation may have granted is over.
        _time.Advance(TimeSpan.FromSeconds(10));
        _leases.Look(_time.GetTimestamp(), alive: null);
    }

    [Fact]
    public async Task Over_AtOnce_WhenEverySiloWithALeaseHasApplied()
    {
        Grant(s_local, s_other);

        var over = _leases.WhenOverAsync(new HashSet<SiloAddress>(s_both), _time.GetTimestamp());

        Assert.True(over.IsCompleted);
        await over;
    }

    [Fact]
    public async Task Over_ForASilentSilo_WhenItsLeaseRunsOut()
    {
        Grant(s_local, s_other);
        _time.Advance(TimeSpan.FromSeconds(1));

        var over = _leases.WhenOverAsync(new HashSet<SiloAddress> { s_local }, _time.GetTimestamp());

        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(over.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        await over;
    }

    [Fact]
    public async Task Over_IsNotPutOff_ByWhatIsGrantedAfterTheCommit()
    {
        Grant(s_local, s_other);
        var committed = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(1));
        Grant(s_other);

        var over = _leases.WhenOverAsync(new HashSet<SiloAddress> { s_local }, committed);

        _time.Advance(TimeSpan.FromSeconds(2.1));
        await over;
    }

    [Fact]
    public async Task Over_InANewActivation_WaitsForWhatTheOldOneMayHaveGranted()
    {
        var activation = new LeaseTable(required: true, _time);

        var over = activation.WhenOverAsync(new HashSet<SiloAddress>(s_both), _time.GetTimestamp());

        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(over.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        await over;
    }

    [Fact]
    public void WithoutStoreAndPeers_NothingIsGranted()
    {
        Assert.False(_leases.TryGrant(s_local, s_local, s_both));
    }

    [Fact]
    public void WithAFreshLookAtTheMembershipTable_ItIsGranted_UntilTheLookIsOld()
    {
        _leases.Look(_time.GetTimestamp(), alive: true);
        Assert.True(_leases.TryGrant(s_local, s_local, s_both));

        _time.Advance(LeaseTable.ConfirmedFor);
        Assert.False(_leases.TryGrant(s_local, s_local, s_both));
    }

    [Fact]
    public void WithoutAStore_APeerThatIsInTouch_IsEnough()
    {
        Assert.True(_leases.TryGrant(s_other, s_local, s_both));
        Assert.True(_leases.TryGrant(s_local, s_local, s_both));

        _time.Advance(LeaseTable.ConfirmedFor);
        Assert.False(_leases.TryGrant(s_local, s_local, s_both));
    }

    [Fact]
    public void AfterAHang_APeersVoice_MayBeOld()
    {
        _leases.Look(_time.GetTimestamp(), alive: true);
        _time.Advance(TimeSpan.FromSeconds(15));

        Assert.False(_leases.TryGrant(s_other, s_local, s_both));
        Assert.False(_leases.TryGrant(s_local, s_local, s_both));

        _leases.Look(_time.GetTimestamp(), alive: null);
        Assert.False(_leases.TryGrant(s_local, s_local, s_both));
        Assert.True(_leases.TryGrant(s_other, s_local, s_both));
    }

    [Fact]
    public void ADeadSilo_GrantsNothing()
    {
        _leases.Look(_time.GetTimestamp(), alive: false);

        Assert.False(_leases.TryGrant(s_other, s_local, s_both));
        Assert.False(_leases.TryGrant(s_local, s_local, s_both));
    }

    [Fact]
    public void ASiloThatIsNoLongerActive_GetsNothing()
    {
        _leases.Look(_time.GetTimestamp(), alive: true);

        Assert.False(_leases.TryGrant(s_other, s_local, [s_local]));
    }

    [Fact]
    public void WithoutAStore_TheOnlySilo_GoesOn()
    {
        Assert.True(_leases.TryGrant(s_local, s_local, [s_local]));
    }

    [Fact]
    public async Task WhereOneProcessIsTheCluster_NobodyWaits()
    {
        var leases = new LeaseTable(required: false, _time);

        Assert.True(leases.TryGrant(s_local, s_local, s_both));
        Assert.True(leases.WhenOverAsync(new HashSet<SiloAddress>(), _time.GetTimestamp()).IsCompleted);
        await leases.WhenOverAsync(new HashSet<SiloAddress>(), _time.GetTimestamp());
    }

    private void Grant(params SiloAddress[] silos)
    {
        _leases.Look(_time.GetTimestamp(), alive: true);
        foreach (var silo in silos)
        {
            Assert.True(_leases.TryGrant(silo, s_local, s_both));
        }
    }
}
