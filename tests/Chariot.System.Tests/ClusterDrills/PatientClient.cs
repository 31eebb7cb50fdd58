using System.Net.Sockets;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>A client that asks again, as clients do: a cluster that finds itself refuses it, or does not answer in time.</summary>
internal static class PatientClient
{
    /// <param name="port">Where to.</param>
    /// <param name="packet">What it says each time.</param>
    /// <param name="seconds">To go on for.</param>
    /// <param name="notYet">Called for each try that failed.</param>
    public static async Task<RawMqttClient> ConnectAsync(int port, ConnectPacket packet, double seconds = 120, Action? notYet = null)
    {
        RawMqttClient? connected = null;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    connected = await RawMqttClient.ConnectAsync(port, packet);
                    return true;
                }
                catch (Exception error) when (error is SocketException or MqttTestException or TimeoutException or IOException)
                {
                    notYet?.Invoke();
                    return false;
                }
            },
            $"{packet.ClientId} is connected",
            seconds);
        return connected!;
    }
}
