namespace Chariot.SystemTests;

/// <summary>How long the drills run: the short form always, the long one with <c>CHARIOT_DRILL=long</c>.</summary>
internal static class Drill
{
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable("CHARIOT_DRILL") == "long";

    /// <summary>Seed of everything random in a drill; <c>CHARIOT_DRILL_SEED</c> repeats a run.</summary>
    public static int Seed { get; } = int.TryParse(Environment.GetEnvironmentVariable("CHARIOT_DRILL_SEED"), out var seed) ? seed : 20250;

    public static T Pick<T>(T brief, T full) => IsLong ? full : brief;

    /// <summary>Figures of a drill, to stdout: they belong in the run's log whether it passes or not.</summary>
    public static void Report(string line) => Console.WriteLine($"drill: {line}");
}
