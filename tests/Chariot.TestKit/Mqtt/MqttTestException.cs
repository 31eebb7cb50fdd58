namespace Chariot.TestKit.Mqtt;

/// <summary>The broker did something that the test did not allow for.</summary>
public sealed class MqttTestException : Exception
{
    public MqttTestException()
    {
    }

    public MqttTestException(string message)
        : base(message)
    {
    }

    public MqttTestException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
