using System.Diagnostics;
using System.Globalization;
using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests;

/// <summary>
/// One publisher and one subscriber at a steady rate, QoS 0, each message numbered and stamped with the time it was handed
/// to the socket. Runs beside what a test does to the broker.
/// </summary>
internal sealed class Traffic : IAsyncDisposable
{
    private readonly RawMqttClient _publisher;
    private readonly RawMqttClient _subscriber;
    private readonly string _topic;
    private readonly int _rate;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task<long> _publishing;
    private readonly Task _receiving;
    private readonly List<(long Sequence, long SentAt, long ReceivedAt)> _received = [];

    private Traffic(RawMqttClient publisher, RawMqttClient subscriber, string topic, int rate)
    {
        _publisher = publisher;
        _subscriber = subscriber;
        _topic = topic;
        _rate = rate;
        _publishing = PublishAsync();
        _receiving = ReceiveAsync();
    }

    /// <summary>Publishes to ten topics below <paramref name="root"/>; the subscriber has asked for <c>root/#</c>.</summary>
    public static async Task<Traffic> StartAsync(int port, string root, int rate, ConnectPacket publisher, ConnectPacket subscriber)
    {
        var receiving = await RawMqttClient.ConnectAsync(port, subscriber);
        var granted = await receiving.SubscribeAsync(root + "/#");
        if (granted != 0)
        {
            throw new MqttTestException($"{root}/# was granted 0x{granted:X2}");
        }

        return new Traffic(await RawMqttClient.ConnectAsync(port, publisher), receiving, root, rate);
    }

    /// <summary>What the subscriber has got so far, in order; times are <see cref="Stopwatch"/> ticks.</summary>
    public IReadOnlyList<(long Sequence, long SentAt, long ReceivedAt)> Received
    {
        get
        {
            lock (_received)
            {
                return [.. _received];
            }
        }
    }

    public int ReceivedCount
    {
        get
        {
            lock (_received)
            {
                return _received.Count;
            }
        }
    }

    /// <summary>Waits until <paramref name="count"/> more messages have come through.</summary>
    public Task FlowAsync(int count)
    {
        var target = ReceivedCount + count;
        return Eventually.TrueAsync(
            () => _receiving.IsFaulted || _publishing.IsFaulted ? throw new MqttTestException("the traffic broke", (_receiving.Exception ?? _publishing.Exception)!) : ReceivedCount >= target,
            $"{count} more messages", 30);
    }

    /// <summary>Stops publishing, waits for what is under way (PINGREQ behind it on both connections), and returns how many were sent.</summary>
    public async Task<long> StopAsync()
    {
        await _stop.CancelAsync();
        var sent = await _publishing;
        await _publisher.SendAsync(Packets.PingReq);
        await _publisher.WaitForAsync(PacketType.PingResp, TimeSpan.FromSeconds(30));
        await _subscriber.SendAsync(Packets.PingReq);
        await _receiving;
        return sent;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _publisher.DisposeAsync();
        await _subscriber.DisposeAsync();
        _stop.Dispose();
    }

    private async Task<long> PublishAsync()
    {
        var started = Stopwatch.GetTimestamp();
        var sent = 0L;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (!_stop.IsCancellationRequested)
        {
            var due = (long)(Stopwatch.GetElapsedTime(started).TotalSeconds * _rate);
            var batch = new PacketBytes();
            for (; sent < due; sent++)
            {
                var payload = string.Create(CultureInfo.InvariantCulture, $"{sent}:{Stopwatch.GetTimestamp()}");
                batch.Raw(Packets.Publish(_publisher.Version, $"{_topic}/{sent % 10}", Encoding.ASCII.GetBytes(payload)));
            }

            await _publisher.SendAsync(batch.ToArray());
            await timer.WaitForNextTickAsync();
        }

        return sent;
    }

    private async Task ReceiveAsync()
    {
        while (true)
        {
            var packet = await _subscriber.ReadAsync(TimeSpan.FromMinutes(5)) ?? throw new MqttTestException("the subscriber's connection was closed");
            switch (packet.Type)
            {
                case PacketType.PingResp:
                    return;
                case PacketType.Publish:
                    var parts = packet.PayloadText.Split(':');
                    lock (_received)
                    {
                        _received.Add((long.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture), Stopwatch.GetTimestamp()));
                    }

                    break;
                default:
                    throw new MqttTestException($"the subscriber received {packet}");
            }
        }
    }
}
