using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Chariot.SystemTests.WebSocket;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Ssl;

/// <summary>
/// The certificate is replaced again and again under TLS clients that publish and receive at QoS 1, while others come and go: nobody is
/// disconnected, no handshake fails, no message is lost, and every port shows the new certificate once the API has answered.
/// </summary>
public class ReplaceDrill
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task Replacing_UnderTraffic_DropsNobody_AndLosesNothing()
    {
        var pairs = Drill.Pick(20, 250);
        var rate = Drill.Pick(200, 5000);
        var connectsPerSecond = Drill.Pick(4, 20);
        var duration = TimeSpan.FromSeconds(Drill.Pick(15, 300));
        using var certificates = new TestCertificates();
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        (await broker.Admin.PutSslAsync(certificates.KeyPkcs8Pem, certificates.ServerPem, certificates.ChainPem)).EnsureSuccess();
        var memoryBefore = ProcessUsage.ResidentBytes(broker.Pid);

        var flows = new List<Flow>();
        for (var i = 0; i < pairs; i++)
        {
            flows.Add(await Flow.StartAsync(broker.Ports.Mqtts, i, certificates.Root, (double)rate / pairs));
        }

        using var stop = new CancellationTokenSource();
        var newcomers = ComeAndGoAsync(broker.Ports, certificates.Root, connectsPerSecond, stop.Token);
        var (replaced, stale) = await ReplaceAsync(broker, certificates, duration / 2);
        // From here on clients, caches and heap are what they will be: what is added is what each certificate leaves behind.
        var memoryHalfWay = ProcessUsage.ResidentBytes(broker.Pid);
        var (more, stillStale) = await ReplaceAsync(broker, certificates, duration / 2);
        (replaced, stale) = (replaced + more, stale + stillStale);
        await stop.CancelAsync();
        var (connects, failures) = await newcomers;
        foreach (var flow in flows)
        {
            await flow.StopAsync();
        }

        var acknowledged = flows.Sum(flow => flow.Acknowledged);
        var lost = flows.Sum(flow => flow.Lost);
        var broken = flows.Where(flow => flow.Broken is not null).ToList();
        Drill.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"replace: {replaced} certificates in {duration.TotalSeconds:0} s under {2 * pairs} TLS clients at {acknowledged / duration.TotalSeconds:0} msg/s QoS 1 and {connects / duration.TotalSeconds:0.0} TLS connects/s; "
            + $"disconnects {broken.Count}, failed handshakes {failures.Count}, acknowledged {acknowledged}, lost {lost}, ports with the old certificate after the answer {stale}, "
            + $"resident {memoryBefore >> 20} MiB without clients, {memoryHalfWay >> 20} half-way, {ProcessUsage.ResidentBytes(broker.Pid) >> 20} at the end"));
        foreach (var flow in flows)
        {
            await flow.DisposeAsync();
        }

        Assert.Empty(broken.Select(flow => flow.Broken));
        Assert.Empty(failures);
        Assert.Equal(0, stale);
        Assert.Equal(0, lost);
        Assert.True(replaced >= Drill.Pick(3, 50), $"{replaced} replacements");
        Assert.True(acknowledged > 0 && connects > 0);
    }

    private static async Task<(int Replaced, int Stale)> ReplaceAsync(BrokerProcess broker, TestCertificates certificates, TimeSpan duration)
    {
        var (replaced, stale) = (0, 0);
        var end = Deadline.After(duration);
        using var timer = new PeriodicTimer(Pause);
        while (!end.Passed)
        {
            var (key, certificate) = certificates.Renew();
            using (certificate)
            {
                var expected = OutsideHandshake.Fingerprint(certificate);
                (await broker.Admin.PutSslAsync(key, certificate.ExportCertificatePem() + "\n", certificates.ChainPem)).EnsureSuccess();
                replaced++;
                foreach (var port in new[] { broker.Ports.Mqtts, broker.Ports.Wss, broker.Ports.Https })
                {
                    stale += await OutsideHandshake.FingerprintAsync(port) == expected ? 0 : 1;
                }
            }

            await timer.WaitForNextTickAsync();
        }

        return (replaced, stale);
    }

    /// <summary>New clients at a steady rate: verified handshake, CONNECT, leave. Each fourth comes by WebSocket.</summary>
    private static async Task<(int Connects, List<string> Failures)> ComeAndGoAsync(BrokerPorts ports, X509Certificate2 root, int perSecond, CancellationToken stop)
    {
        List<Task<string?>> visits = [];
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / perSecond));
        while (!stop.IsCancellationRequested)
        {
            visits.Add(VisitAsync(ports, root, visits.Count));
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        var ended = await Task.WhenAll(visits);
        return (ended.Length, [.. ended.OfType<string>()]);
    }

    private static async Task<string?> VisitAsync(BrokerPorts ports, X509Certificate2 root, int number)
    {
        try
        {
            if (number % 4 == 3)
            {
                using var visitor = await WebSocketMqtt.ConnectAsync(ports.Wss, $"visitor{number}", root);
            }
            else
            {
                await using var visitor = await RawMqttClient.ConnectAsync(ports.Mqtts, new ConnectPacket { ClientId = $"visitor{number}" }, root);
            }

            return null;
        }
        catch (Exception error)
        {
            return $"{number}: {error.Message}";
        }
    }

    /// <summary>One publisher and its subscriber.</summary>
    private sealed class Flow : IAsyncDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

        private readonly RawMqttClient _publisher;
        private readonly RawMqttClient _subscriber;
        private readonly string _topic;
        private readonly double _rate;
        private readonly CancellationTokenSource _stop = new();
        private readonly HashSet<long> _received = [];
        private readonly Task _publishing;
        private readonly Task _acknowledging;
        private readonly Task _receiving;
        private long _sent;
        private volatile bool _ending;

        private Flow(RawMqttClient publisher, RawMqttClient subscriber, string topic, double rate)
        {
            (_publisher, _subscriber, _topic, _rate) = (publisher, subscriber, topic, rate);
            _publishing = WatchAsync(PublishAsync);
            _acknowledging = WatchAsync(AcknowledgeAsync);
            _receiving = WatchAsync(ReceiveAsync);
        }

        public long Acknowledged { get; private set; }

        public string? Broken { get; private set; }

        public long Lost => Acknowledged - _received.Count(number => number < Acknowledged);

        public static async Task<Flow> StartAsync(int port, int number, X509Certificate2 root, double rate)
        {
            var subscriber = await RawMqttClient.ConnectAsync(port, new ConnectPacket { ClientId = $"subscriber{number}", KeepAlive = 0 }, root);
            var topic = $"replace/{number}";
            if (await subscriber.SubscribeAsync(topic, 1) != 1)
            {
                throw new MqttTestException("QoS 1 was not granted");
            }

            return new Flow(await RawMqttClient.ConnectAsync(port, new ConnectPacket { ClientId = $"publisher{number}", KeepAlive = 0 }, root), subscriber, topic, rate);
        }

        /// <summary>Stops publishing and waits until all that was sent is acknowledged and all that is acknowledged has come.</summary>
        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _publishing;
            await Eventually.TrueAsync(() => Broken is not null || (Acknowledged == _sent && ReceivedCount() >= Acknowledged), "all acknowledged and received", 60);
            _ending = true;
            _publisher.Abort();
            _subscriber.Abort();
            await Task.WhenAll(_acknowledging, _receiving);
        }

        public async ValueTask DisposeAsync()
        {
            await _publisher.DisposeAsync();
            await _subscriber.DisposeAsync();
            _stop.Dispose();
        }

        private int ReceivedCount()
        {
            lock (_received)
            {
                return _received.Count;
            }
        }

        private async Task WatchAsync(Func<Task> part)
        {
            try
            {
                await Task.Yield();
                await part();
            }
            catch (Exception error) when (!_ending)
            {
                Broken ??= $"{_topic}: {error.Message}";
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException or System.Net.Sockets.SocketException or TimeoutException or MqttTestException)
            {
                // Our own Abort ended it.
                return;
            }
        }

        private async Task PublishAsync()
        {
            var started = System.Diagnostics.Stopwatch.GetTimestamp();
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            while (!_stop.IsCancellationRequested)
            {
                var due = (long)(System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds * _rate);
                var batch = new PacketBytes();
                // Below the broker's Receive Maximum of 128.
                for (; _sent < due && _sent - Acknowledged < 100; _sent++)
                {
                    batch.Raw(Packets.Publish(_publisher.Version, _topic, Encoding.ASCII.GetBytes(_sent.ToString(CultureInfo.InvariantCulture).PadRight(64, '.')), 1, (int)(_sent % 60_000) + 1));
                }

                await _publisher.SendAsync(batch.ToArray());
                await timer.WaitForNextTickAsync();
            }
        }

        private async Task AcknowledgeAsync()
        {
            while (true)
            {
                var packet = await _publisher.ReadAsync(Patience) ?? throw new MqttTestException("the publisher was disconnected");
                if (packet is not { Type: PacketType.PubAck, Reason: 0 })
                {
                    throw new MqttTestException($"the publisher received {packet}");
                }

                Acknowledged++;
            }
        }

        private async Task ReceiveAsync()
        {
            while (true)
            {
                var packet = await _subscriber.ReadAsync(Patience) ?? throw new MqttTestException("the subscriber was disconnected");
                if (packet.Type != PacketType.Publish)
                {
                    throw new MqttTestException($"the subscriber received {packet}");
                }

                lock (_received)
                {
                    _received.Add(long.Parse(packet.PayloadText.TrimEnd('.'), CultureInfo.InvariantCulture));
                }
            }
        }
    }
}
