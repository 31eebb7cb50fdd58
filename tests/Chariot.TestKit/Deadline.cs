using System.Diagnostics;

namespace Chariot.TestKit;

/// <summary>A point in (monotonic) time after which waiting is over.</summary>
public readonly struct Deadline
{
    private readonly long _end;

    private Deadline(long end) => _end = end;

    public static Deadline After(TimeSpan time) => new(Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency));

    public static Deadline After(double seconds) => After(TimeSpan.FromSeconds(seconds));

    public bool Passed => Stopwatch.GetTimestamp() >= _end;

    /// <summary>Time left, never below zero.</summary>
    public TimeSpan Remaining => Passed ? TimeSpan.Zero : Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), _end);
}
