namespace Chariot.Fuzz.Codec;

/// <summary>What a run of <see cref="CodecFuzzer"/> has met.</summary>
internal sealed class CodecReport
{
    public required int Seed { get; init; }

    public long Packets { get; set; }

    public long Accepted { get; set; }

    /// <summary>Packets that were also shown to MQTTnet and accepted by both.</summary>
    public long Compared { get; set; }

    /// <summary>Accepted by one only: no fault in itself, since MQTTnet checks less.</summary>
    public long DecidedDifferently { get; set; }

    /// <summary>Largest allocation for one packet, bytes.</summary>
    public long LargestAllocation { get; set; }

    public TimeSpan Took { get; set; }

    /// <summary>At most a few, each with the packet that shows it.</summary>
    public List<string> Faults { get; } = [];

    public override string ToString() =>
        $"codec fuzz: {Packets:N0} packets, seed {Seed}, {Accepted:N0} accepted, {Compared:N0} decided alike with MQTTnet and equal, {DecidedDifferently:N0} accepted by one only, "
        + $"largest allocation {LargestAllocation} bytes, {Faults.Count} faults, {Took.TotalSeconds:0.0} s";
}
