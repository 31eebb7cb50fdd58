namespace Chariot.Abstractions.Topics;

/// <summary>MQTT quality of service (3.1.1 and 5.0, section 4.3).</summary>
[GenerateSerializer, Alias("chariot.qos.v1")]
public enum QualityOfService : byte
{
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}
