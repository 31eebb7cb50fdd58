namespace Chariot.Edge.Limiting;

/// <summary>A limit on what clients together, or one of them, may ask of this node; each has a counter.</summary>
internal enum LimitKind
{
    /// <summary>Reading from a client paused for its rate of messages or bytes.</summary>
    MessageRate,
    /// <summary>A client was closed with 0x96.</summary>
    MessageRateExceeded,
    /// <summary>Accepting waited for the rate of connections.</summary>
    ConnectRate,
    ConnectRatePerAddress,
    ConnectionsPerCredential,
    /// <summary>A message or a CONNECT was refused because the durable queues are nearly full.</summary>
    DurableBytes,
    /// <summary>Accepting was stopped for want of memory.</summary>
    MemoryAccept,
    /// <summary>Reading from a client was stopped for want of memory.</summary>
    MemoryRead,
}

internal static class LimitCounters
{
    /// <summary>In metrics.</summary>
    public static string NameOf(LimitKind kind) => kind switch
    {
        LimitKind.MessageRate => "message_rate",
        LimitKind.MessageRateExceeded => "message_rate_exceeded",
        LimitKind.ConnectRate => "connect_rate",
        LimitKind.ConnectRatePerAddress => "connect_rate_per_address",
        LimitKind.ConnectionsPerCredential => "connections_per_credential",
        LimitKind.DurableBytes => "durable_bytes",
        LimitKind.MemoryAccept => "memory_accept",
        _ => "memory_read",
    };
}
