using System.Diagnostics;
using System.Globalization;
using Chariot.TestKit.Mqtt;

namespace Chariot.Fuzz.Sockets;

/// <summary>Publishes at QoS 1 to itself, some fifty times a second, and measures until the message is back.</summary>
internal sealed class GoodClient : IAsyncDisposable
{
    private const string Topic = "good/client";

    private readonly RawMqttClient _client;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private readonly List<double> _milliseconds = [];

    private GoodClient(RawMqttClient client)
    {
        _client = client;
        _running = RunAsync();
    }

    public static async Task<GoodClient> StartAsync(int port)
    {
        var client = await RawMqttClient.ConnectAsync(port, new ConnectPacket { ClientId = "good", KeepAlive = 600 });
        await client.SubscribeAsync(Topic, 1);
        return new GoodClient(client);
    }

    public bool IsBroken => _running.IsFaulted;

    /// <summary>Ends it and answers how many messages came back and after how long, milliseconds. Throws what broke it.</summary>
    public async Task<(int Count, double P50, double P99, double Worst)> StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _milliseconds.Sort();
        double At(double share) => _milliseconds.Count == 0 ? 0 : _milliseconds[Math.Min(_milliseconds.Count - 1, (int)(_milliseconds.Count * share))];
        return (_milliseconds.Count, At(0.5), At(0.99), At(1));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _client.DisposeAsync();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var number = 0; !_stop.IsCancellationRequested; number++)
        {
            await timer.WaitForNextTickAsync();
            var started = Stopwatch.GetTimestamp();
            var payload = number.ToString(CultureInfo.InvariantCulture);
            await _client.SendAsync(Packets.Publish(MqttVersion.V500, Topic, payload, 1, _client.NextPacketId()));
            var back = await _client.ReadPublishAsync(TimeSpan.FromSeconds(60));
            if (back.PayloadText != payload)
            {
                throw new MqttTestException($"the good client got {back.PayloadText} for {payload}");
            }

            await _client.WaitForAsync(PacketType.PubAck, TimeSpan.FromSeconds(60));
            _milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
    }
}
