using System.Collections.Concurrent;
using System.Diagnostics;
using Chariot.Fuzz.Codec;
using Chariot.TestKit.Broker;

namespace Chariot.Fuzz.Sockets;

/// <summary>
/// Hostile connections against a broker process, over TCP and WebSocket: first every packet type in every state, then at random, while a
/// good client is served throughout. In the end the broker must be alive, at rest, and no larger.
/// </summary>
/// <param name="perSecond">
/// Connections a second at most; 0 for as many as go. What a client leaves behind in memory lives for two minutes (the collection age of
/// its session's grain): a slope that means something needs a run of several times that.
/// </param>
/// <param name="settle">From the last connection to the last look at the heap.</param>
internal sealed class SocketFuzzer(BrokerProcess broker, int seed, int perSecond = 0, TimeSpan settle = default)
{
    private const int Parallel = 16;

    /// <summary>From the end of our bytes to the broker's close.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly HostileState[] States = Enum.GetValues<HostileState>();

    private readonly ConcurrentQueue<string> _hangs = new();
    private readonly List<(int Connections, long Bytes)> _memory = [];
    private readonly List<(int Connections, long Bytes)> _heap = [];
    private readonly BrokerGauges _gauges = new(broker);
    private readonly long _started = Stopwatch.GetTimestamp();
    private int _next;
    private int _overWebSocket;

    /// <summary>Connections of the systematic part: types x states x versions x transports.</summary>
    public static int Systematic => 16 * States.Length * 4;

    public async Task<SocketReport> RunAsync(int connections, CancellationToken cancellation)
    {
        await MeasureHeapAsync(0);
        await using var good = await GoodClient.StartAsync(broker.Ports.Mqtt);
        await Task.WhenAll(Enumerable.Range(0, Parallel).Select(worker => Task.Run(() => WorkAsync(worker, connections, cancellation), cancellation)));
        var served = await good.StopAsync();
        var resting = await RestAsync(cancellation);
        var slope = Slope(_heap.Skip(1));
        // Grains of clients that are gone are collected after two minutes, looked for once a minute.
        await Task.Delay(settle, cancellation);
        await MeasureHeapAsync(connections);
        return new SocketReport
        {
            Seed = seed,
            Connections = Math.Min(_next, connections),
            WebSocket = _overWebSocket,
            Hangs = [.. _hangs],
            Crashed = broker.HasExited,
            BytesPerConnection = Slope(_memory.Order().Skip(_memory.Count / 2)),
            HeapBytesPerConnection = slope,
            Heap = [.. _heap.Select(point => point.Bytes)],
            Left = broker.HasExited ? default : await _gauges.LeftAsync(),
            ResidentBytes = broker.HasExited ? 0 : ProcessUsage.ResidentBytes(broker.Pid),
            Quarters = [.. Enumerable.Range(1, 4).Select(quarter => _memory.OrderBy(point => point.Connections).ElementAt(Math.Max(0, (_memory.Count * quarter / 4) - 1)).Bytes)],
            Good = served,
            RestingCpu = resting,
            Errors = [.. broker.Output.Split('\n').Where(line => line.Contains(" fail:", StringComparison.Ordinal) || line.Contains(" crit:", StringComparison.Ordinal)).Take(10)],
            Took = Stopwatch.GetElapsedTime(_started),
        };
    }

    private async Task WorkAsync(int worker, int connections, CancellationToken cancellation)
    {
        var random = new Random(seed + worker);
        var generator = new PacketGenerator(seed + worker);
        while (!broker.HasExited && _hangs.Count < 5)
        {
            var number = Interlocked.Increment(ref _next) - 1;
            if (number >= connections)
            {
                return;
            }

            if (perSecond > 0 && TimeSpan.FromSeconds((double)number / perSecond) - Stopwatch.GetElapsedTime(_started) is { Ticks: > 0 } early)
            {
                await Task.Delay(early, cancellation);
            }

            // Every eighth of the run, in its second half: the good client waits while it is collected.
            if (number > 0 && number >= connections / 2 && (number % Math.Max(1, connections / 8) == 0 || number == connections - 1))
            {
                await MeasureHeapAsync(number);
            }

            if (number % 500 == 0)
            {
                lock (_memory)
                {
                    _memory.Add((number, ProcessUsage.ResidentBytes(broker.Pid)));
                }
            }

            var systematic = number < Systematic;
            var type = systematic ? number % 16 : random.Next(16);
            var state = systematic ? States[number / 16 % States.Length] : States[random.Next(States.Length)];
            var variant = systematic ? number / (16 * States.Length) : random.Next(4);
            var webSocket = (variant & 2) != 0;
            if (webSocket)
            {
                Interlocked.Increment(ref _overWebSocket);
            }

            using var connection = new HostileConnection(webSocket ? broker.Ports.Ws : broker.Ports.Mqtt, webSocket, (variant & 1) != 0, random, cancellation);
            if (!await connection.RunAsync(state, type, generator, Patience))
            {
                _hangs.Enqueue($"seed {seed}, connection {number}: type {type} in {state}{(webSocket ? " over WebSocket" : "")}");
            }
        }
    }

    /// <summary>The quietest of at most thirty seconds: share of a core.</summary>
    private async Task<double> RestAsync(CancellationToken cancellation)
    {
        var least = double.MaxValue;
        for (var second = 0; second < 30 && least >= 0.1 && !broker.HasExited; second++)
        {
            var before = ProcessUsage.CpuSeconds(broker.Pid);
            var started = Stopwatch.GetTimestamp();
            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
            least = Math.Min(least, (ProcessUsage.CpuSeconds(broker.Pid) - before) / Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return least;
    }

    private async Task MeasureHeapAsync(int connections)
    {
        var bytes = await _gauges.CollectedHeapAsync();
        lock (_heap)
        {
            _heap.Add((connections, bytes));
        }
    }

    /// <summary>Least squares.</summary>
    private static double Slope(IEnumerable<(int Connections, long Bytes)> measured)
    {
        var points = measured.ToArray();
        if (points.Length < 2)
        {
            return 0;
        }

        var (x, y) = (points.Average(point => (double)point.Connections), points.Average(point => (double)point.Bytes));
        return points.Sum(point => (point.Connections - x) * (point.Bytes - y)) / points.Sum(point => (point.Connections - x) * (point.Connections - x));
    }
}
