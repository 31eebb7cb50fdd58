using System.Diagnostics;
using System.Globalization;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>What somebody who has nothing to do with the drill feels: the time of a QoS 1 message from PUBLISH on one silo to its subscriber on another, at a steady rate.</summary>
internal sealed class LatencyProbe : IAsyncDisposable
{
    private readonly RawMqttClient _publisher;
    private readonly RawMqttClient _subscriber;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<TimeSpan> _taken = [];
    private readonly Task _publishing;
    private readonly Task _receiving;

    private LatencyProbe(RawMqttClient publisher, RawMqttClient subscriber, string topic, double messagesPerSecond)
    {
        (_publisher, _subscriber) = (publisher, subscriber);
        _publishing = PublishAsync(topic, TimeSpan.FromSeconds(1 / messagesPerSecond));
        _receiving = ReceiveAsync();
    }

    public static async Task<LatencyProbe> StartAsync(int publisherPort, int subscriberPort, double messagesPerSecond)
    {
        var topic = Unique.Name("latency/");
        var subscriber = await RawMqttClient.ConnectAsync(subscriberPort, new ConnectPacket { ClientId = Unique.Name("bystander"), KeepAlive = 0 });
        await subscriber.SubscribeAsync(topic, 1);
        var publisher = await RawMqttClient.ConnectAsync(publisherPort, new ConnectPacket { ClientId = Unique.Name("bystander"), KeepAlive = 0 });
        return new LatencyProbe(publisher, subscriber, topic, messagesPerSecond);
    }

    /// <summary>Of the messages that arrive from now on.</summary>
    public async Task<Figures> MeasureAsync(TimeSpan time)
    {
        lock (_taken)
        {
            _taken.Clear();
        }

        await Task.WhenAny(Task.Delay(time), _publishing, _receiving);
        if (_publishing.IsCompleted || _receiving.IsCompleted)
        {
            // Throws what ended it.
            await await Task.WhenAny(_publishing, _receiving);
        }

        lock (_taken)
        {
            var sorted = _taken.Order().ToArray();
            return sorted.Length == 0
                ? throw new TimeoutException("no message arrived while it was measured")
                : new Figures(sorted.Length, sorted[sorted.Length / 2], sorted[sorted.Length * 99 / 100], sorted[^1]);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _publisher.DisposeAsync();
        await _subscriber.DisposeAsync();
        await Task.WhenAll(_publishing, _receiving).ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }

    private async Task PublishAsync(string topic, TimeSpan interval)
    {
        using var pace = new PeriodicTimer(interval);
        while (!_stop.IsCancellationRequested)
        {
            await _publisher.PublishAsync(topic, Stopwatch.GetTimestamp().ToString(CultureInfo.InvariantCulture), 1);
            await pace.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task ReceiveAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var message = await _subscriber.ReadPublishAsync(TimeSpan.FromSeconds(60));
            var taken = Stopwatch.GetElapsedTime(long.Parse(message.PayloadText, CultureInfo.InvariantCulture));
            lock (_taken)
            {
                _taken.Add(taken);
            }
        }
    }

    public sealed record Figures(int Count, TimeSpan Median, TimeSpan P99, TimeSpan Longest)
    {
        public override string ToString() =>
            FormattableString.Invariant($"p50 {Median.TotalMilliseconds:0.0} ms, p99 {P99.TotalMilliseconds:0.0} ms, longest {Longest.TotalMilliseconds:0.0} ms of {Count}");
    }
}
