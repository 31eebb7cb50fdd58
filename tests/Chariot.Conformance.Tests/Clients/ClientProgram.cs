using Chariot.TestKit.Broker;

namespace Chariot.Conformance.Tests.Clients;

/// <summary>A client that nobody here wrote, as its own command-line programs: how to publish with it, and how to subscribe.</summary>
/// <param name="Publish">Arguments by port, topic, payload, QoS and whether to retain; the first is the program.</param>
/// <param name="Subscribe">Arguments by port, topic and QoS; it prints payloads, a line each, until it is ended.</param>
internal sealed record ClientProgram(Func<int, string, string, int, bool, string[]> Publish, Func<int, string, int, string[]> Subscribe)
{
    private static readonly string MqttJs = Path.Combine(Repository.Root, "tests", "npm", "node_modules", "mqtt", "build", "bin", "mqtt.js");

    private const string PythonSubscriber = """
        import sys, paho.mqtt.client as mqtt
        port, topic, qos, version = sys.argv[1:]
        client = mqtt.Client(protocol=int(version))
        client.on_connect = lambda client, *rest: client.subscribe(topic, int(qos))
        client.on_message = lambda client, user, message: print(message.payload.decode(), flush=True)
        client.connect("127.0.0.1", int(port))
        client.loop_forever()
        """;

    /// <summary>By the name that tests call it.</summary>
    public static IReadOnlyDictionary<string, ClientProgram> All { get; } = new Dictionary<string, ClientProgram>
    {
        ["mosquitto 3.1"] = Mosquitto("mqttv31"),
        ["mosquitto 3.1.1"] = Mosquitto("mqttv311"),
        ["mosquitto 5.0"] = Mosquitto("mqttv5"),
        ["Paho C 3.1.1"] = PahoC("paho_c", "311", "tcp://127.0.0.1:{0}"),
        ["Paho C 5.0"] = PahoC("paho_c", "5", "tcp://127.0.0.1:{0}"),
        ["Paho C 5.0 over WebSocket"] = PahoC("paho_c", "5", "ws://127.0.0.1:{0}/mqtt"),
        ["Paho C synchronous 3.1"] = PahoC("paho_cs", "31", "tcp://127.0.0.1:{0}"),
        ["Paho Python 3.1.1"] = PahoPython(4),
        ["Paho Python 5.0"] = PahoPython(5),
        ["MQTT.js 3.1.1"] = MqttJsProgram(),
        ["MQTT.js 5.0 over WebSocket"] = MqttJsModule("ws://127.0.0.1:{0}/mqtt", 5),
    };

    private static string[] Retain(bool retain) => retain ? ["-r"] : [];

    private static ClientProgram Mosquitto(string version) => new(
        (port, topic, payload, qos, retain) => ["mosquitto_pub", "-h", "127.0.0.1", "-p", $"{port}", "-V", version, "-t", topic, "-m", payload, "-q", $"{qos}", .. Retain(retain)],
        (port, topic, qos) => ["mosquitto_sub", "-h", "127.0.0.1", "-p", $"{port}", "-V", version, "-t", topic, "-q", $"{qos}"]);

    private static ClientProgram PahoC(string prefix, string version, string connection) => new(
        (port, topic, payload, qos, retain) =>
            [prefix + "_pub", "-t", topic, "-c", Text(connection, port), "-V", version, "-m", payload, "-q", $"{qos}", "-i", Id(), "--quiet", .. Retain(retain)],
        (port, topic, qos) => [prefix + "_sub", "-t", topic, "-c", Text(connection, port), "-V", version, "-q", $"{qos}", "-i", Id(), "--quiet"]);

    /// <summary>Publishes with the library's one-line helper, <c>paho.mqtt.publish</c>.</summary>
    private static ClientProgram PahoPython(int version) => new(
        (port, topic, payload, qos, retain) =>
            ["/usr/bin/python3", "-c", "import sys, paho.mqtt.publish as p; a = sys.argv; p.single(a[2], a[3], int(a[4]), a[5] == 'True', '127.0.0.1', int(a[1]), protocol=int(a[6]))",
                $"{port}", topic, payload, $"{qos}", $"{retain}", $"{version}"],
        (port, topic, qos) => ["/usr/bin/python3", "-u", "-c", PythonSubscriber, $"{port}", topic, $"{qos}", $"{version}"]);

    private static ClientProgram MqttJsProgram() => new(
        (port, topic, payload, qos, retain) => ["node", MqttJs, "pub", "-h", "127.0.0.1", "-p", $"{port}", "-t", topic, "-m", payload, "-q", $"{qos}", .. Retain(retain)],
        (port, topic, qos) => ["node", MqttJs, "sub", "-h", "127.0.0.1", "-p", $"{port}", "-t", topic, "-q", $"{qos}"]);

    /// <summary>Its programs know no path for WebSocket: the module itself, as its README shows it.</summary>
    private static ClientProgram MqttJsModule(string url, int version)
    {
        var module = Path.Combine(Repository.Root, "tests", "npm", "node_modules", "mqtt");
        string Connect(int port) => $"const c = require({System.Text.Json.JsonSerializer.Serialize(module)}).connect('{Text(url, port)}', {{ protocolVersion: {version} }}); const a = process.argv;";
        return new(
            (port, topic, payload, qos, retain) =>
                ["node", "-e", Connect(port) + " c.on('connect', () => c.publish(a[1], a[2], { qos: +a[3], retain: a[4] === 'True' }, () => c.end()));", topic, payload, $"{qos}", $"{retain}"],
            (port, topic, qos) => ["node", "-e", Connect(port) + " c.on('connect', () => c.subscribe(a[1], { qos: +a[2] })); c.on('message', (t, m) => console.log(m.toString()));", topic, $"{qos}"]);
    }

    private static string Text(string format, int port) => format.Replace("{0}", $"{port}", StringComparison.Ordinal);

    private static string Id() => $"paho{Random.Shared.Next(1 << 28):x}";
}
