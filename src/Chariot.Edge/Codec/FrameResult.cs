namespace Chariot.Edge.Codec;

/// <summary>What <see cref="PacketFraming.TryReadHeader"/> found.</summary>
internal enum FrameResult : byte
{
    /// <summary>The fixed header is not complete yet.</summary>
    Incomplete,

    /// <summary>The fixed header is complete; the body may still be on its way.</summary>
    Ok,

    /// <summary>Not a Remaining Length: close, or 0x81.</summary>
    Malformed,

    /// <summary>Larger than allowed: close, or 0x95.</summary>
    TooLarge,
}
