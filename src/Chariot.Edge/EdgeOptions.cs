namespace Chariot.Edge;

/// <summary>Start-up options of the edge, section <c>Chariot:Mqtt</c>. Ports: 0 is off.</summary>
public sealed class EdgeOptions
{
    /// <summary>Address that the MQTT ports are bound to.</summary>
    public string BindAddress { get; set; } = "0.0.0.0";

    /// <summary>MQTT over TCP (1883 is IANA's).</summary>
    public int Port { get; set; } = 1883;

    /// <summary>MQTT over TLS, open while SSL is set up (8883 is IANA's).</summary>
    public int SecurePort { get; set; } = 8883;

    /// <summary>Name of this node, shown in the admin API.</summary>
    public string NodeName { get; set; } = Environment.MachineName;
}
