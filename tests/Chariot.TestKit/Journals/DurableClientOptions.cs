using Chariot.TestKit.Mqtt;

namespace Chariot.TestKit.Journals;

/// <summary>Who a drill's client is and how patient.</summary>
public sealed record DurableClientOptions(int Port, string ClientId)
{
    public MqttVersion Version { get; init; } = MqttVersion.V500;
    public string? Username { get; init; }
    public string? Password { get; init; }
    /// <summary>Where each connection goes; null: always to <see cref="Port"/>.</summary>
    public Func<int>? NextPort { get; init; }
    /// <summary>Seconds without an answer after which the connection is given up for another one, as keep-alive does; null: that is an error.</summary>
    public double? SilenceSeconds { get; init; }
    /// <summary>Seconds to try to connect while the broker is down.</summary>
    public double ReconnectSeconds { get; init; } = 60;

    internal ConnectPacket Connect() => new()
    {
        Version = Version,
        ClientId = ClientId,
        Clean = false,
        SessionExpiry = Version == MqttVersion.V500 ? 3600u : null,
        Username = Username,
        Password = Password,
        KeepAlive = 0,
    };

    /// <summary>Connects to a broker that may be down just now.</summary>
    internal async Task<RawMqttClient> ConnectAsync(CancellationToken cancellation)
    {
        var deadline = Deadline.After(ReconnectSeconds);
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                var client = await RawMqttClient.ConnectAsync(NextPort?.Invoke() ?? Port, Connect());
                client.AutoAcknowledge = false;
                return client;
            }
            catch (Exception error) when (!deadline.Passed && error is System.Net.Sockets.SocketException or IOException or TimeoutException or MqttTestException)
            {
                // Down, or shutting down; the deadline bounds the tries.
                await Task.Delay(50, cancellation);
            }
        }
    }
}
