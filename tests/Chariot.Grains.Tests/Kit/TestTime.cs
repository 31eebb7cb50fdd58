using Chariot.Grains.Configuration;

namespace Chariot.Grains.Tests.Kit;

/// <summary>
/// The real clock plus an offset that tests set. While <see cref="OthersAreSilent"/>, waits of exactly the limits that the
/// grains give other silos end after a moment, so that a test of a silent silo takes no ten seconds; all other timers,
/// Orleans' own among them, are real.
/// </summary>
internal sealed class TestTime : TimeProvider
{
    private static readonly TimeSpan[] Limits = [SiloBroadcast.Limit, TimeSpan.FromSeconds(5)];
    private long _offset;

    /// <summary>For tests in which whoever answers at all answers without a real wait.</summary>
    public bool OthersAreSilent { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _offset));

    public void Advance(TimeSpan by) => Interlocked.Add(ref _offset, by.Ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, OthersAreSilent && Limits.Contains(dueTime) ? TimeSpan.FromMilliseconds(150) : dueTime, period);
}
