using Chariot.Abstractions.Sessions;

namespace Chariot.Edge.Codec;

/// <summary>CONNECT (section 3.1). Filled as far as the packet could be read.</summary>
internal sealed class ConnectPacket
{
    /// <summary>The client's protocol, or the one to answer a refused level in.</summary>
    public ProtocolVersion Version { get; set; } = ProtocolVersion.V311;

    /// <summary>
    /// Whether a refusal is told by CONNACK before the connection is closed. Not for protocols other than MQTT, and in 3.1.1 not
    /// for a malformed CONNECT [MQTT-3.1.4-1].
    /// </summary>
    public bool AnswersRefusal { get; set; }

    /// <summary>May be empty: the server is to assign one.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>Clean Start; Clean Session in 3.1.1.</summary>
    public bool CleanStart { get; set; }

    /// <summary>Seconds; 0 is off.</summary>
    public ushort KeepAliveSeconds { get; set; }

    /// <summary>Null when not given; an empty one is given.</summary>
    public string? Username { get; set; }

    /// <summary>Null when not given; an empty one is given.</summary>
    public byte[]? Password { get; set; }

    public WillRecord? Will { get; set; }

    /// <summary>Session Expiry Interval, seconds, 0xFFFFFFFF for never; in 3.1.1 0 with Clean Session and otherwise never.</summary>
    public uint SessionExpirySeconds { get; set; }

    /// <summary>QoS 1 and 2 publishes that the client takes unacknowledged; never 0.</summary>
    public ushort ReceiveMaximum { get; set; } = ushort.MaxValue;

    /// <summary>Bytes of the largest packet that the client takes; never 0.</summary>
    public uint MaximumPacketSize { get; set; } = uint.MaxValue;

    /// <summary>Topic aliases that the client takes.</summary>
    public ushort TopicAliasMaximum { get; set; }

    public bool RequestResponseInformation { get; set; }

    /// <summary>Without it, reason strings go into CONNACK and DISCONNECT only [MQTT-3.1.2-29].</summary>
    public bool RequestProblemInformation { get; set; } = true;

    public string? AuthenticationMethod { get; set; }

    public byte[]? AuthenticationData { get; set; }

    /// <summary>Never shows the password.</summary>
    public override string ToString() => $"CONNECT {Version} {ClientId}";
}
