using System.Collections.Concurrent;
using System.Globalization;
using Chariot.TestKit;
using Chariot.TestKit.Journals;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Durability;

/// <summary>Writes rising retained values to a few topics at QoS 1, over any number of connections, and checks what a new subscriber gets.</summary>
internal sealed class RetainedValues(DurableClientOptions options, string root)
{
    private const int Topics = 8;

    private readonly ConcurrentDictionary<string, long> _acknowledged = new();
    private readonly ConcurrentQueue<string> _stale = new();
    private long _written;
    private int _checks;
    private long _count;

    /// <summary>PUBACKs seen.</summary>
    public long Acknowledged => Interlocked.Read(ref _count);

    public int Checks => _checks;

    /// <summary>Values older than what had been acknowledged before the subscriber asked.</summary>
    public IReadOnlyCollection<string> Stale => _stale;

    public async Task WriteAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await using var client = await ConnectAsync(options.ClientId);
                while (!cancellation.IsCancellationRequested)
                {
                    var topic = $"{root}/{_written % Topics}";
                    var value = _written++;
                    var reason = await client.PublishAsync(topic, value.ToString(CultureInfo.InvariantCulture), 1, retain: true);
                    if (reason >= 0x80)
                    {
                        throw new InvalidOperationException($"value {value} was answered by 0x{reason:X2}");
                    }

                    _acknowledged[topic] = value;
                    Interlocked.Increment(ref _count);
                }
            }
            catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException or MqttTestException or TimeoutException)
            {
                // Killed, or down: the next value follows on the next connection.
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    /// <summary>A new subscriber gets every value that had been acknowledged before it asked, or a later one.</summary>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        var before = _acknowledged.ToArray();
        await using var client = await ConnectAsync(options.ClientId + "-reader");
        await client.SubscribeAsync(root + "/+");
        Dictionary<string, long> seen = [];
        var deadline = Deadline.After(60);
        while (before.Any(pair => !seen.ContainsKey(pair.Key)))
        {
            cancellation.ThrowIfCancellationRequested();
            ReceivedPacket message;
            try
            {
                message = await client.ReadPublishAsync(deadline.Remaining);
            }
            catch (TimeoutException)
            {
                break;
            }

            // The first of each topic: the retained one, or a later one that was published meanwhile.
            seen.TryAdd(message.Topic, long.Parse(message.PayloadText, CultureInfo.InvariantCulture));
        }

        foreach (var (topic, value) in before)
        {
            if (!seen.TryGetValue(topic, out var got) || got < value)
            {
                _stale.Enqueue($"{topic}: {(seen.ContainsKey(topic) ? got.ToString(CultureInfo.InvariantCulture) : "nothing")} though {value} was acknowledged");
            }
        }

        _checks++;
    }

    private Task<RawMqttClient> ConnectAsync(string clientId) =>
        RawMqttClient.ConnectAsync(options.Port, new ConnectPacket { ClientId = clientId, Username = options.Username, Password = options.Password, KeepAlive = 0 });
}
