using System.Diagnostics;
using System.Globalization;

namespace Chariot.LoadGenerator;

/// <summary>CPU time and memory of this process and of the broker's (all silos together) at one moment, from /proc.</summary>
internal readonly record struct ProcessSample(long At, double BrokerCpu, double OwnCpu, double BrokerResidentMb)
{
    private const double TicksPerSecond = 100;

    public static ProcessSample Take(IReadOnlyList<int> brokers) =>
        new(Stopwatch.GetTimestamp(), brokers.Sum(pid => CpuSeconds($"{pid}")), CpuSeconds("self"), brokers.Sum(ResidentMb));

    /// <summary>User and system time, seconds.</summary>
    private static double CpuSeconds(string pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");

        // The name in parentheses may hold blanks.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    public static double ResidentMb(int pid)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(candidate => candidate.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }
}
