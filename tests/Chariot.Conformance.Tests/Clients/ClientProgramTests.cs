using Chariot.TestKit;
using Chariot.TestKit.Mqtt;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Chariot.Conformance.Tests.Clients;

/// <summary>Real clients, as programs: each subscribes to what another publishes, retained and live. tests/setup.sh installs them.</summary>
public class ClientProgramTests(SharedBroker shared) : ConformanceTest(shared)
{
    [Theory]
    [InlineData("mosquitto 3.1", "Paho Python 5.0", 0)]
    [InlineData("mosquitto 3.1.1", "MQTT.js 5.0 over WebSocket", 1)]
    [InlineData("mosquitto 5.0", "Paho C 5.0 over WebSocket", 2)]
    [InlineData("Paho C 3.1.1", "mosquitto 5.0", 2)]
    [InlineData("Paho C 5.0", "Paho C 3.1.1", 1)]
    [InlineData("Paho C 5.0 over WebSocket", "mosquitto 3.1", 2)]
    [InlineData("Paho C synchronous 3.1", "MQTT.js 3.1.1", 1)]
    [InlineData("Paho Python 3.1.1", "Paho C synchronous 3.1", 2)]
    [InlineData("Paho Python 5.0", "mosquitto 3.1.1", 1)]
    [InlineData("MQTT.js 3.1.1", "Paho Python 3.1.1", 2)]
    [InlineData("MQTT.js 5.0 over WebSocket", "Paho C 5.0", 2)]
    public async Task Subscriber_GetsWhatAnotherClientPublishes_RetainedAndLive(string subscriber, string publisher, int qos)
    {
        var topic = Name("clients/");
        await PublishAsync(publisher, topic, "retained", qos, retain: true);
        using var running = new RunningSubscriber(ClientProgram.All[subscriber].Subscribe(PortOf(subscriber), topic, qos));
        // The retained message shows that the subscription stands.
        await running.SeesAsync("retained");
        await PublishAsync(publisher, topic, "live", qos, retain: false);
        await running.SeesAsync("live");
        await PublishAsync(publisher, topic, "last", qos, retain: false);
        await running.SeesAsync("last");
        Assert.Equal(1, running.Count("live"));
        await PublishFromElsewhereAsync(topic, "", retain: true);
    }

    [Theory]
    [InlineData(MqttProtocolVersion.V310)]
    [InlineData(MqttProtocolVersion.V311)]
    [InlineData(MqttProtocolVersion.V500)]
    public async Task MqttNet_PublishesAndReceives_AtEveryQos(MqttProtocolVersion version)
    {
        var topic = Name("mqttnet/");
        using var client = new MqttClientFactory().CreateMqttClient();
        var received = new System.Collections.Concurrent.ConcurrentQueue<string>();
        client.ApplicationMessageReceivedAsync += message =>
        {
            received.Enqueue(message.ApplicationMessage.ConvertPayloadToString());
            return Task.CompletedTask;
        };
        await client.ConnectAsync(new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", Port).WithProtocolVersion(version).WithClientId(Name("mqttnet")).Build());
        await client.SubscribeAsync(topic, MqttQualityOfServiceLevel.ExactlyOnce);
        for (var qos = 0; qos < 3; qos++)
        {
            await client.PublishStringAsync(topic, $"{qos}", (MqttQualityOfServiceLevel)qos);
        }

        await Eventually.TrueAsync(() => received.Count >= 3, "three messages", 30);
        Assert.Equal(["0", "1", "2"], received.Order());
        await client.DisconnectAsync();
    }

    private int PortOf(string program) => program.Contains("WebSocket", StringComparison.Ordinal) ? Shared.Broker.Ports.Ws : Port;

    private async Task PublishAsync(string program, string topic, string payload, int qos, bool retain)
    {
        var command = ClientProgram.All[program].Publish(PortOf(program), topic, payload, qos, retain);
        (await Command.RunAsync(command[0], command[1..], seconds: 60)).EnsureSuccess();
    }
}
