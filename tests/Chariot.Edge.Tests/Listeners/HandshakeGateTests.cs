using Chariot.Edge.Listeners;

namespace Chariot.Edge.Tests.Listeners;

public sealed class HandshakeGateTests
{
    [Fact]
    public async Task Handshakes_BeyondTheLimit_WaitInOrder_AndTheQueueIsBounded()
    {
        using var gate = new HandshakeGate(concurrency: 1, queueLimit: 2);
        var running = await gate.EnterAsync(CancellationToken.None);
        Assert.True(running.IsAcquired);

        var second = gate.EnterAsync(CancellationToken.None).AsTask();
        var third = gate.EnterAsync(CancellationToken.None).AsTask();
        using var refused = await gate.EnterAsync(CancellationToken.None);

        Assert.False(refused.IsAcquired);
        Assert.False(second.IsCompleted);
        running.Dispose();
        using (var lease = await second.WaitAsync(TimeSpan.FromSeconds(10)))
        {
            Assert.True(lease.IsAcquired);
            Assert.False(third.IsCompleted);
        }

        using var last = await third.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(last.IsAcquired);
    }

    [Fact]
    public async Task Waiting_CanBeGivenUp_AndFreesItsPlace()
    {
        using var gate = new HandshakeGate(concurrency: 1, queueLimit: 1);
        var running = await gate.EnterAsync(CancellationToken.None);
        using var cancellation = new CancellationTokenSource();
        var waiting = gate.EnterAsync(cancellation.Token).AsTask();

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        var next = gate.EnterAsync(CancellationToken.None).AsTask();
        Assert.False(next.IsCompleted);
        running.Dispose();
        using var lease = await next.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(lease.IsAcquired);
    }

    [Fact]
    public void Concurrency_IsEightPerCore_AndAtLeastSixteen() =>
        Assert.Equal(Math.Max(16, 8 * Environment.ProcessorCount), HandshakeGate.DefaultConcurrency);
}
