namespace Chariot.Edge.Codec;

/// <summary>Protocol level of CONNECT. 3.1 is spoken like 3.1.1.</summary>
internal enum ProtocolVersion : byte
{
    /// <summary>MQTT 3.1, protocol name <c>MQIsdp</c>.</summary>
    V310 = 3,
    V311 = 4,
    V500 = 5,
}
