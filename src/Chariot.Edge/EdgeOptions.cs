namespace Chariot.Edge;

/// <summary>Start-up options of the edge, section <c>Chariot:Mqtt</c>. Ports: 0 is off.</summary>
public sealed class EdgeOptions
{
    public const string Section = "Chariot:Mqtt";

    /// <summary>Address that the MQTT ports are bound to.</summary>
    public string BindAddress { get; set; } = "0.0.0.0";

    /// <summary>MQTT over TCP (1883 is IANA's).</summary>
    public int Port { get; set; } = 1883;

    /// <summary>MQTT over TLS, open while SSL is set up (8883 is IANA's).</summary>
    public int SecurePort { get; set; } = 8883;

    /// <summary>MQTT over WebSocket, path <c>/mqtt</c>, sub-protocol <c>mqtt</c>.</summary>
    public int WebSocketPort { get; set; } = 8090;

    /// <summary>The same over TLS, open while SSL is set up.</summary>
    public int WebSocketSecurePort { get; set; } = 8091;

    /// <summary>
    /// Origins of web pages that may connect over WebSocket, e.g. <c>https://plant.example</c>; empty for any. Clients that are
    /// not browsers send none and are not concerned.
    /// </summary>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>The store is one that several silos use; set by the host, not by configuration.</summary>
    public bool SharesStore { get; set; }

    /// <summary>Name of this node, shown in the admin API.</summary>
    public string NodeName { get; set; } = Environment.MachineName;
}
