using System.Globalization;

namespace Chariot.SystemTests;

/// <summary>How long the drills run: the short form always, the long one with <c>CHARIOT_DRILL=long</c>.</summary>
internal static class Drill
{
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable("CHARIOT_DRILL") == "long";

    /// <summary>Seed of everything random in a drill; <c>CHARIOT_DRILL_SEED</c> repeats a run.</summary>
    public static int Seed { get; } = int.TryParse(Environment.GetEnvironmentVariable("CHARIOT_DRILL_SEED"), out var seed) ? seed : 20250;

    /// <summary>Part of the long form's numbers that is used, at least the short form's: <c>CHARIOT_DRILL_SCALE=0.1</c> tries it in a tenth of its time.</summary>
    private static double Scale { get; } = double.TryParse(Environment.GetEnvironmentVariable("CHARIOT_DRILL_SCALE"), CultureInfo.InvariantCulture, out var scale) ? scale : 1;

    public static T Pick<T>(T brief, T full) => IsLong ? full : brief;

    /// <summary>A number of things, or of seconds.</summary>
    public static int Pick(int brief, int full) => !IsLong ? brief : full <= brief ? full : Math.Max(brief, (int)(full * Scale));

    public static double Pick(double brief, double full) => !IsLong ? brief : full <= brief ? full : Math.Max(brief, full * Scale);

    /// <summary>Figures of a drill, to stdout: they belong in the run's log whether it passes or not.</summary>
    public static void Report(string line) => Console.WriteLine($"drill: {line}");
}
