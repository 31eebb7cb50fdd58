using System.Text;

namespace Chariot.TestKit.Mqtt;

/// <summary>A CONNECT to send; every flag can be overridden to be wrong on purpose.</summary>
public sealed record ConnectPacket
{
    public MqttVersion Version { get; init; } = MqttVersion.V500;
    public string ProtocolName { get; init; } = "MQTT";
    /// <summary>Overrides <see cref="Version"/> on the wire.</summary>
    public int? ProtocolLevel { get; init; }
    public string ClientId { get; init; } = "";
    /// <summary>Overrides <see cref="ClientId"/>: bytes that need not be UTF-8.</summary>
    public byte[]? ClientIdBytes { get; init; }
    /// <summary>Clean Session (3.1.1) or Clean Start (5.0).</summary>
    public bool Clean { get; init; } = true;
    /// <summary>Seconds.</summary>
    public int KeepAlive { get; init; } = 60;
    /// <summary>5.0 only; null leaves the property out.</summary>
    public uint? SessionExpiry { get; init; }
    public string? Username { get; init; }
    public byte[]? UsernameBytes { get; init; }
    public string? Password { get; init; }
    public string? WillTopic { get; init; }
    public byte[]? WillTopicBytes { get; init; }
    public byte[] WillPayload { get; init; } = [];
    public int WillQos { get; init; }
    public bool WillRetain { get; init; }
    public PacketBytes? WillProperties { get; init; }
    /// <summary>Further 5.0 properties, encoded.</summary>
    public PacketBytes? Properties { get; init; }
    /// <summary>Overrides the connect flags byte.</summary>
    public int? Flags { get; init; }

    public byte[] Encode()
    {
        var username = UsernameBytes ?? (Username is null ? null : Encoding.UTF8.GetBytes(Username));
        var willTopic = WillTopicBytes ?? (WillTopic is null ? null : Encoding.UTF8.GetBytes(WillTopic));
        var flags = (Clean ? 0x02 : 0)
            | (willTopic is null ? 0 : 0x04 | (WillQos << 3) | (WillRetain ? 0x20 : 0))
            | (Password is null ? 0 : 0x40)
            | (username is null ? 0 : 0x80);

        var body = new PacketBytes().Text(ProtocolName).Byte(ProtocolLevel ?? (int)Version).Byte(Flags ?? flags).TwoBytes(KeepAlive);
        if (Version == MqttVersion.V500)
        {
            var properties = new PacketBytes().Raw(Properties?.ToArray() ?? []);
            if (SessionExpiry is { } expiry)
            {
                properties.Byte((int)PropertyId.SessionExpiryInterval).FourBytes(expiry);
            }

            body.Properties(properties);
        }

        body.Binary(ClientIdBytes ?? Encoding.UTF8.GetBytes(ClientId));
        if (willTopic is not null)
        {
            if (Version == MqttVersion.V500)
            {
                body.Properties(WillProperties);
            }

            body.Binary(willTopic).Binary(WillPayload);
        }

        if (username is not null)
        {
            body.Binary(username);
        }

        if (Password is not null)
        {
            body.Text(Password);
        }

        return body.ToPacket(PacketType.Connect);
    }
}
