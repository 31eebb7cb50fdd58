using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Hostile;

/// <summary>Sends bad input and sees how the broker ends the connection.</summary>
internal static class Hostility
{
    /// <summary>After a good CONNECT: MQTT 3.1.1 closes without a packet, 5.0 with DISCONNECT <paramref name="reason"/>.</summary>
    public static async Task IsEndedAsync(int port, MqttVersion version, byte[] bytes, params int[] reason)
    {
        await using var client = await RawMqttClient.ConnectAsync(port, new ConnectPacket { Version = version, ClientId = Unique.Name("hostile") });
        await client.SendAsync(bytes);

        var last = await client.ReadToCloseAsync();

        if (version == MqttVersion.V311)
        {
            Assert.True(last is null, $"3.1.1 is closed without a packet, not with {last}");
        }
        else
        {
            Assert.True(last is { Type: PacketType.Disconnect } && reason.Contains(last.Reason), $"expected DISCONNECT {Hex(reason)}, not {last?.ToString() ?? "a bare close"}");
        }
    }

    /// <summary>Before CONNECT is accepted: 3.1.1 closes without a packet, 5.0 with CONNACK <paramref name="reason"/>.</summary>
    public static async Task IsRefusedAsMalformedAsync(int port, MqttVersion version, byte[] bytes, params int[] reason)
    {
        await using var client = await RawMqttClient.DialAsync(port, version);
        await client.SendAsync(bytes);

        var last = await client.ReadToCloseAsync();

        if (version == MqttVersion.V311)
        {
            Assert.True(last is null, $"3.1.1 is closed without a packet, not with {last}");
        }
        else
        {
            Assert.True(last is { Type: PacketType.ConnAck } && reason.Contains(last.Reason), $"expected CONNACK {Hex(reason)}, not {last?.ToString() ?? "a bare close"}");
        }
    }

    /// <summary>CONNACK with the code of the version, then closed.</summary>
    public static async Task IsRefusedAsync(int port, ConnectPacket connect, int code311, int code500)
    {
        var (client, answer) = await RawMqttClient.TryConnectAsync(port, connect);
        await using (client)
        {
            var code = connect.Version == MqttVersion.V311 ? code311 : code500;
            Assert.True(answer is { Type: PacketType.ConnAck } && answer.Reason == code, $"expected CONNACK 0x{code:X2}, not {answer?.ToString() ?? "a bare close"}");
            Assert.Null(await client.ReadAsync());
        }
    }

    private static string Hex(int[] reasons) => string.Join(" or ", reasons.Select(reason => $"0x{reason:X2}"));
}
