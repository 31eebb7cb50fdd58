using System.Diagnostics;
using System.Globalization;

namespace Chariot.LoadGenerator;

/// <summary>CPU time and memory of this process and of the broker's at one moment, from /proc.</summary>
internal readonly record struct ProcessSample(long At, double BrokerCpu, double OwnCpu, double BrokerResidentMb)
{
    private const double TicksPerSecond = 100;

    public static ProcessSample Take(int? broker) =>
        new(Stopwatch.GetTimestamp(), broker is { } pid ? CpuSeconds($"{pid}") : 0, CpuSeconds("self"), broker is { } id ? ResidentMb(id) : 0);

    /// <summary>User and system time, seconds.</summary>
    private static double CpuSeconds(string pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");

        // The name in parentheses may hold blanks.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    private static double ResidentMb(int pid)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(candidate => candidate.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }
}
