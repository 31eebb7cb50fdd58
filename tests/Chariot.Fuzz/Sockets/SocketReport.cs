namespace Chariot.Fuzz.Sockets;

/// <summary>What a run of <see cref="SocketFuzzer"/> has met.</summary>
internal sealed record SocketReport
{
    public required int Seed { get; init; }

    public required int Connections { get; init; }

    /// <summary>Of <see cref="Connections"/>, those over WebSocket.</summary>
    public required int WebSocket { get; init; }

    /// <summary>Connections that the broker had not closed long after their end.</summary>
    public required IReadOnlyList<string> Hangs { get; init; }

    public required bool Crashed { get; init; }

    /// <summary>Growth of resident memory over the second half of the run, bytes per connection.</summary>
    public required double BytesPerConnection { get; init; }

    public required long ResidentBytes { get; init; }

    /// <summary>Growth of what a full collection left of the managed heap, over the second half of the run, bytes per connection.</summary>
    public required double HeapBytesPerConnection { get; init; }

    /// <summary>Managed heap after a full collection: at the start, at each quarter, and at rest, bytes.</summary>
    public required IReadOnlyList<long> Heap { get; init; }

    /// <summary>What is left when every hostile client is gone: sessions (durable ones until they expire), topic names, retained messages.</summary>
    public required (long Sessions, long Topics, long Retained) Left { get; init; }

    /// <summary>Resident memory after each quarter of the run, bytes.</summary>
    public required IReadOnlyList<long> Quarters { get; init; }

    public required (int Count, double P50, double P99, double Worst) Good { get; init; }

    /// <summary>Share of a core, the lowest second after the run.</summary>
    public required double RestingCpu { get; init; }

    /// <summary>Log lines of the broker that tell of an error it did not expect.</summary>
    public required IReadOnlyList<string> Errors { get; init; }

    public required TimeSpan Took { get; init; }

    public override string ToString() =>
        $"socket fuzz: {Connections:N0} hostile connections ({WebSocket:N0} over WebSocket), seed {Seed}, {(Crashed ? "CRASHED" : "0 crashes")}, {Hangs.Count} hangs, {Errors.Count} unexpected errors, "
        + $"memory {BytesPerConnection:0} bytes per connection in the second half (MB at each quarter {string.Join(" ", Quarters.Select(bytes => bytes / 1048576))}, at rest {ResidentBytes / 1048576}), "
        + $"managed heap after collection {HeapBytesPerConnection:0} bytes per connection in the second half (MB at start, quarters and rest {string.Join(" ", Heap.Select(bytes => $"{bytes / 1048576.0:0.0}"))}), "
        + $"left {Left.Sessions} sessions, {Left.Topics} topics, {Left.Retained} retained messages, good client {Good.Count} messages p50 {Good.P50:0.0} ms p99 {Good.P99:0.0} ms worst {Good.Worst:0} ms, "
        + $"at rest {RestingCpu * 100:0} % of a core, {Took.TotalSeconds:0} s";
}
