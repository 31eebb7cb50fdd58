using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Tests.Configuration;

/// <summary>What renews a node's lease, and what does not.</summary>
public sealed class LeaseTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly FeedKit _kit = new();

    public Task InitializeAsync() => Task.CompletedTask;

    // xunit 2 calls this one only.
    public async Task DisposeAsync() => await _kit.DisposeAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => _kit.DisposeAsync();

    [Fact]
    public async Task Start_TakesTheFirstLease_AfterTheConsumersAct()
    {
        var held = true;
        _kit.First.OnApply = _ =>
        {
            held = _kit.Lease.IsHeld;
            return Task.CompletedTask;
        };

        await _kit.StartAsync();

        Assert.False(held);
        Assert.True(_kit.Lease.IsHeld);
    }

    [Fact]
    public async Task Start_WithoutAGrant_LeavesTheNodeWithoutALease_UntilOneComes()
    {
        _kit.Source.Grants = false;
        await _kit.StartAsync();
        Assert.False(_kit.Lease.IsHeld);

        _kit.Source.Grants = true;
        await _kit.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => _kit.Lease.IsHeld);
    }

    [Fact]
    public async Task ARevisionThatAConsumerCannotActOn_DoesNotRenewTheLease()
    {
        _kit.First.ApplyFailure = new InvalidOperationException("no");
        await _kit.StartAsync();
        Assert.False(_kit.Lease.IsHeld);

        _kit.First.ApplyFailure = null;
        await _kit.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => _kit.Lease.IsHeld);
    }

    [Fact]
    public async Task APull_ThatFindsNothingNew_RenewsWithoutWaitingForACertificateOnTrial()
    {
        _kit.Source.Grants = false;
        await _kit.StartAsync();
        var trial = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _kit.First.OnPrepare = () => trial.Task;
        var preparing = _kit.Feed.PrepareSslAsync(_kit.Ssl("on-trial"));

        _kit.Source.Grants = true;
        await _kit.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => _kit.Lease.IsHeld);
        Assert.False(preparing.IsCompleted);

        trial.SetResult();
        await preparing;
    }
}
