namespace Chariot.TestKit.Mqtt;

/// <summary>The protocol level byte of CONNECT.</summary>
public enum MqttVersion : byte
{
    V311 = 4,
    V500 = 5,
}
