using Chariot.TestKit.Mqtt;

namespace Chariot.Conformance.Tests;

/// <summary>What the tests of every chapter need: clients and names that no other test uses, and how a connection ends.</summary>
public abstract class ConformanceTest(SharedBroker shared) : IClassFixture<SharedBroker>
{
    protected const MqttVersion V311 = MqttVersion.V311;
    protected const MqttVersion V500 = MqttVersion.V500;

    private static int _last;

    protected SharedBroker Shared { get; } = shared;

    protected int Port => Shared.Broker.Ports.Mqtt;

    protected static string Name(string prefix) => $"{prefix}{Interlocked.Increment(ref _last)}x{Random.Shared.Next(1 << 24):x}";

    /// <summary>Connected under an id of its own unless <paramref name="connect"/> names one.</summary>
    protected Task<RawMqttClient> ConnectAsync(MqttVersion version = V500, ConnectPacket? connect = null)
    {
        var packet = (connect ?? new ConnectPacket()) with { Version = version };
        return RawMqttClient.ConnectAsync(Port, packet.ClientId.Length > 0 || packet.ClientIdBytes is not null ? packet : packet with { ClientId = Name("c") });
    }

    /// <summary>A client whose session outlives its connection.</summary>
    protected Task<RawMqttClient> ConnectDurableAsync(MqttVersion version, string clientId, bool clean = false, ConnectPacket? connect = null) =>
        ConnectAsync(version, (connect ?? new ConnectPacket()) with { ClientId = clientId, Clean = clean, SessionExpiry = version == V500 ? 600u : null });

    /// <summary>
    /// The connection ends: 3.1.1 without a packet, 5.0 with DISCONNECT and one of <paramref name="reasons"/>, nothing behind it.
    /// </summary>
    protected static async Task IsClosedAsync(RawMqttClient client, params int[] reasons)
    {
        var last = await client.ReadToCloseAsync();
        if (client.Version == V311)
        {
            Assert.True(last is null or not { Type: PacketType.Disconnect }, $"3.1.1 knows no {last}");
        }
        else
        {
            Assert.True(last is { Type: PacketType.Disconnect } && reasons.Contains(last.Reason), $"expected DISCONNECT {Hex(reasons)}, not {last?.ToString() ?? "a bare close"}");
        }
    }

    /// <summary>Connects, sends, and expects <see cref="IsClosedAsync"/>.</summary>
    protected async Task EndsAsync(MqttVersion version, byte[] bytes, params int[] reasons)
    {
        await using var client = await ConnectAsync(version);
        await client.SendAsync(bytes);
        await IsClosedAsync(client, reasons);
    }

    /// <summary>CONNACK with <paramref name="reason"/>, session present 0, and closed; null for a close without CONNACK.</summary>
    protected async Task IsRefusedAsync(ConnectPacket connect, int? reason) => await IsRefusedAsync(connect.Version, connect.Encode(), reason);

    protected async Task IsRefusedAsync(MqttVersion version, byte[] bytes, int? reason)
    {
        await using var client = await RawMqttClient.DialAsync(Port, version);
        await client.SendAsync(bytes);
        var answer = await client.ReadAsync();
        if (reason is null)
        {
            Assert.True(answer is null, $"expected a close without CONNACK, not {answer}");
            return;
        }

        Assert.True(answer is { Type: PacketType.ConnAck } && answer.Reason == reason, $"expected CONNACK 0x{reason:X2}, not {answer?.ToString() ?? "a bare close"}");
        Assert.Equal(0, answer!.Body[0]);
        Assert.Null(await client.ReadAsync());
    }

    /// <summary>A 5.0 PUBLISH with properties.</summary>
    protected static byte[] Publish(string topic, string payload, PacketBytes? properties, int qos = 0, int packetId = 0, bool retain = false) =>
        Packets.Publish(V500, topic, System.Text.Encoding.UTF8.GetBytes(payload), qos, packetId, retain, properties: properties);

    /// <summary>A 5.0 SUBSCRIBE with properties.</summary>
    protected static byte[] Subscribe(int packetId, PacketBytes properties, params (string Filter, int Options)[] filters)
    {
        var body = new PacketBytes().TwoBytes(packetId).Properties(properties);
        foreach (var (filter, options) in filters)
        {
            body.Text(filter).Byte(options);
        }

        return body.ToPacket(PacketType.Subscribe, 2);
    }

    protected static PacketBytes Property(PropertyId id) => new PacketBytes().Byte((int)id);

    /// <summary>Publishes at QoS 1 from a client of its own; when this returns, the message has been routed.</summary>
    protected async Task PublishFromElsewhereAsync(string topic, string payload, bool retain = false, MqttVersion version = V500)
    {
        await using var publisher = await ConnectAsync(version);
        var reason = await publisher.PublishAsync(topic, payload, 1, retain);
        Assert.True(reason < 0x80, $"PUBACK 0x{reason:X2}");
    }

    private static string Hex(int[] reasons) => string.Join(" or ", reasons.Select(reason => $"0x{reason:X2}"));
}
