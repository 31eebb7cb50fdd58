using Chariot.TestKit.Mqtt;

namespace Chariot.Ui.Tests.Kit;

/// <summary>The effect on real clients of what was clicked.</summary>
internal static class Mqtt
{
    /// <summary>The reason code of the CONNACK: 0 when the client may in.</summary>
    public static async Task<int> KnockAsync(int port, string? username = null, string? password = null)
    {
        var (client, answer) = await RawMqttClient.TryConnectAsync(port, new ConnectPacket { ClientId = Guid.NewGuid().ToString("N"), Username = username, Password = password });
        await using (client)
        {
            return answer?.Reason ?? -1;
        }
    }

    public static Task<RawMqttClient> ConnectAsync(int port, string clientId, string? username = null, string? password = null) =>
        RawMqttClient.ConnectAsync(port, new ConnectPacket { ClientId = clientId, Username = username, Password = password });
}
