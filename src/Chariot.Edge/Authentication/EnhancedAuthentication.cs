using Chariot.Edge.Codec;

namespace Chariot.Edge.Authentication;

/// <summary>Where a connection that named an authentication method at CONNECT stands (5.0 section 4.12).</summary>
internal sealed class EnhancedAuthentication(ConnectPacket connect, string clientId)
{
    /// <summary>The one that every AUTH and the CONNACK must name [MQTT-4.12.0-5].</summary>
    public string Method { get; } = connect.AuthenticationMethod!;

    public string ClientId { get; } = clientId;

    /// <summary>The CONNECT that waits for its outcome; null once it has been answered.</summary>
    public ConnectPacket? Connect { get; set; } = connect;

    /// <summary>The challenge that waits for its answer; null when none does.</summary>
    public ScramExchange? Exchange { get; set; }

    /// <summary>For CONNACK; empty before.</summary>
    public byte[] ServerFinal { get; set; } = [];
}
