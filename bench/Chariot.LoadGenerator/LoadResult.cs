using System.Globalization;
using System.Text.Json;

namespace Chariot.LoadGenerator;

/// <summary>What a run has measured.</summary>
internal sealed record LoadResult(LoadOptions Options, double Seconds, long Delivered, ProcessSample Before, ProcessSample After)
{
    public long Sent { get; init; }

    /// <summary>Deliveries that had not come 10 s after the last publish.</summary>
    public long Lost { get; init; }

    public long OutOfOrder { get; init; }

    /// <summary>By this generator while it measured: its own garbage must not be mistaken for the broker's cost.</summary>
    public long AllocatedBytes { get; init; }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(
        new Dictionary<string, object?>
        {
            ["label"] = Options.Label,
            ["mode"] = Options.Mode.ToString(),
            ["count"] = Options.Count,
            ["window"] = Options.Window,
            ["payload"] = Options.Payload,
            ["qos"] = Options.Qos,
            ["topics"] = Options.Topics,
            ["silos"] = Options.Ports.Count,
            ["shift"] = Options.Shift,
            ["seconds"] = Math.Round(Seconds, 3),
            ["deliveredPerSecond"] = Math.Round(Delivered / Seconds),
            ["delivered"] = Delivered,
            ["sent"] = Sent,
            ["lost"] = Lost,
            ["outOfOrder"] = OutOfOrder,
            ["brokerCpuPercent"] = Options.Pids.Count == 0 ? null : Percent(After.BrokerCpu - Before.BrokerCpu),
            ["brokerMicrosecondsPerMessage"] = Options.Pids.Count == 0 || Delivered == 0 ? null : Math.Round((After.BrokerCpu - Before.BrokerCpu) * 1e6 / Delivered, 3),
            ["brokerResidentMb"] = Options.Pids.Count == 0 ? null : Math.Round(After.BrokerResidentMb, 1),
            ["generatorCpuPercent"] = Percent(After.OwnCpu - Before.OwnCpu),
            ["generatorAllocatedBytes"] = AllocatedBytes,
        });

    private double Percent(double cpuSeconds) => Math.Round(100 * cpuSeconds / Seconds, 1);
}
