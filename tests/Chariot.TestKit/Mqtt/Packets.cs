using System.Text;

namespace Chariot.TestKit.Mqtt;

/// <summary>Whole packets as bytes, CONNECT aside (<see cref="ConnectPacket"/>).</summary>
public static class Packets
{
    public static byte[] PingReq { get; } = [0xC0, 0x00];

    public static byte[] Publish(
        MqttVersion version, string topic, ReadOnlySpan<byte> payload, int qos = 0, int packetId = 0, bool retain = false, bool dup = false, PacketBytes? properties = null)
    {
        var body = new PacketBytes().Text(topic);
        if (qos > 0)
        {
            body.TwoBytes(packetId);
        }

        if (version == MqttVersion.V500)
        {
            body.Properties(properties);
        }

        return body.Raw(payload).ToPacket(PacketType.Publish, (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0));
    }

    public static byte[] Publish(MqttVersion version, string topic, string payload, int qos = 0, int packetId = 0, bool retain = false, bool dup = false) =>
        Publish(version, topic, Encoding.UTF8.GetBytes(payload), qos, packetId, retain, dup);

    /// <summary><paramref name="filters"/>: filter and subscription options byte.</summary>
    public static byte[] Subscribe(MqttVersion version, int packetId, params (string Filter, int Options)[] filters)
    {
        var body = new PacketBytes().TwoBytes(packetId);
        if (version == MqttVersion.V500)
        {
            body.Properties(null);
        }

        foreach (var (filter, options) in filters)
        {
            body.Text(filter).Byte(options);
        }

        return body.ToPacket(PacketType.Subscribe, 2);
    }

    public static byte[] Unsubscribe(MqttVersion version, int packetId, params string[] filters)
    {
        var body = new PacketBytes().TwoBytes(packetId);
        if (version == MqttVersion.V500)
        {
            body.Properties(null);
        }

        foreach (var filter in filters)
        {
            body.Text(filter);
        }

        return body.ToPacket(PacketType.Unsubscribe, 2);
    }

    /// <summary>PUBACK, PUBREC, PUBREL or PUBCOMP.</summary>
    public static byte[] Acknowledge(PacketType type, int packetId) =>
        new PacketBytes().TwoBytes(packetId).ToPacket(type, type == PacketType.PubRel ? 2 : 0);

    public static byte[] Disconnect(MqttVersion version, int reason = 0, uint? sessionExpiry = null)
    {
        if (version == MqttVersion.V311)
        {
            return [0xE0, 0x00];
        }

        var properties = new PacketBytes();
        if (sessionExpiry is { } expiry)
        {
            properties.Byte((int)PropertyId.SessionExpiryInterval).FourBytes(expiry);
        }

        return new PacketBytes().Byte(reason).Properties(properties).ToPacket(PacketType.Disconnect);
    }
}
