using System.Globalization;
using Chariot.TestKit.Broker;

namespace Chariot.Fuzz.Sockets;

/// <summary>What the broker holds, from its metrics.</summary>
internal sealed class BrokerGauges(BrokerProcess broker)
{
    /// <summary>Managed heap after a full collection, bytes; 0 when the broker is gone.</summary>
    public async Task<long> CollectedHeapAsync()
    {
        if (broker.HasExited)
        {
            return 0;
        }

        await ProcessMemory.CollectGarbageAsync(broker.Pid, Path.GetTempPath());
        return await ReadAsync("chariot_gc_heap_bytes");
    }

    public async Task<(long Sessions, long Topics, long Retained)> LeftAsync() =>
        (await ReadAsync("chariot_sessions"), await ReadAsync("chariot_topics"), await ReadAsync("chariot_retained_messages"));

    private async Task<long> ReadAsync(string name)
    {
        var text = (await broker.Admin.GetAsync("../../metrics")).EnsureSuccess().Text;
        var line = text.Split('\n').First(line => line.StartsWith(name + " ", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(name.Length + 1), CultureInfo.InvariantCulture);
    }
}
