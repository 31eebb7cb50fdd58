using System.Diagnostics;
using System.Globalization;
using System.Text;
using Chariot.TestKit.Mqtt;

namespace Chariot.TestKit.Journals;

/// <summary>
/// Publishes numbered messages at QoS 1 or 2 and sees each exchange to its end, over as many connections as that takes:
/// what was not acknowledged is sent again with its packet id and DUP [MQTT-4.4.0-1].
/// </summary>
public sealed class DurablePublisher(DurableClientOptions options, Journal journal, string topic, int qos, int count, int window = 32)
{
    private readonly List<Exchange> _underWay = [];
    private long _sent;
    private readonly long _started = Stopwatch.GetTimestamp();
    private int _lastPacketId;
    private volatile bool _stopped;

    /// <summary>0: as many as the window allows.</summary>
    public double MessagesPerSecond { get; init; }

    public int Connections { get; private set; }

    public int PacketsResent { get; private set; }

    private bool IsMore => !_stopped && _sent < count;

    private bool IsDue => MessagesPerSecond <= 0 || _sent < Stopwatch.GetElapsedTime(_started).TotalSeconds * MessagesPerSecond;

    /// <summary>Publishes nothing new; the run ends when what is under way has been acknowledged.</summary>
    public void Stop() => _stopped = true;

    /// <summary>Runs until every message has been acknowledged. Throws when the broker loses the session.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (IsMore || _underWay.Count > 0)
        {
            await using var client = await options.ConnectAsync(cancellation);
            Connections++;
            await using var stop = cancellation.Register(client.Abort);
            try
            {
                await ResumeAsync(client);
                await PublishAsync(client);
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
                // The connection broke under a write; the next one resumes.
                continue;
            }
        }
    }

    /// <summary>Payload of a message: publisher, sequence, and padding to a usual size.</summary>
    public static string Payload(string publisher, long sequence) => string.Create(CultureInfo.InvariantCulture, $"{publisher}:{sequence}:").PadRight(64, '.');

    private async Task ResumeAsync(RawMqttClient client)
    {
        if (Connections > 1 && !client.ConnAck!.SessionPresent)
        {
            throw new MqttTestException($"the session of {options.ClientId} is gone");
        }

        foreach (var exchange in _underWay)
        {
            exchange.IsReleaseRepeated = exchange.Released;
            await client.SendAsync(exchange.Released ? Packets.Acknowledge(PacketType.PubRel, exchange.PacketId) : Encode(exchange, dup: true));
            PacketsResent++;
        }
    }

    private async Task PublishAsync(RawMqttClient client)
    {
        while (IsMore || _underWay.Count > 0)
        {
            while (_underWay.Count < window && IsMore && IsDue)
            {
                var exchange = new Exchange(NextPacketId(), _sent++);
                _underWay.Add(exchange);
                journal.Published(options.ClientId, topic, qos, exchange.Sequence);
                await client.SendAsync(Encode(exchange, dup: false));
            }

            if (_underWay.Count == 0)
            {
                await Task.Delay(2);
                continue;
            }

            ReceivedPacket? packet;
            try
            {
                packet = await client.ReadAsync(TimeSpan.FromSeconds(options.SilenceSeconds ?? 30));
            }
            catch (TimeoutException) when (options.SilenceSeconds is not null)
            {
                return;
            }

            if (packet is null or { Type: PacketType.Disconnect })
            {
                return;
            }

            await HandleAsync(client, packet);
        }

        await client.DisconnectAsync();
    }

    private async Task HandleAsync(RawMqttClient client, ReceivedPacket packet)
    {
        if (packet.Type is not (PacketType.PubAck or PacketType.PubRec or PacketType.PubComp))
        {
            throw new MqttTestException($"{options.ClientId} received {packet}");
        }

        var exchange = _underWay.Find(candidate => candidate.PacketId == packet.PacketId)
            ?? throw new MqttTestException($"{packet} answers nothing of {options.ClientId}");

        // "Packet Identifier not found" on a repeated PUBREL: the broker had completed the exchange, its PUBCOMP was lost.
        var isLatePubComp = packet is { Type: PacketType.PubComp, Reason: 0x92 } && exchange.IsReleaseRepeated;
        if (packet.Reason >= 0x80 && !isLatePubComp)
        {
            throw new MqttTestException($"{options.ClientId} was answered by {packet}");
        }

        switch (packet.Type)
        {
            case PacketType.PubRec:
                if (!exchange.Released)
                {
                    exchange.Released = true;
                    journal.Acknowledged(options.ClientId, topic, qos, exchange.Sequence);
                }

                await client.SendAsync(Packets.Acknowledge(PacketType.PubRel, exchange.PacketId));
                break;
            case PacketType.PubAck:
                journal.Acknowledged(options.ClientId, topic, qos, exchange.Sequence);
                _underWay.Remove(exchange);
                break;
            default:
                _underWay.Remove(exchange);
                break;
        }
    }

    private byte[] Encode(Exchange exchange, bool dup) =>
        Packets.Publish(options.Version, topic, Encoding.ASCII.GetBytes(Payload(options.ClientId, exchange.Sequence)), qos, exchange.PacketId, dup: dup);

    private int NextPacketId()
    {
        do
        {
            _lastPacketId = _lastPacketId == 65535 ? 1 : _lastPacketId + 1;
        }
        while (_underWay.Exists(exchange => exchange.PacketId == _lastPacketId));
        return _lastPacketId;
    }

    private sealed class Exchange(int packetId, long sequence)
    {
        public int PacketId { get; } = packetId;
        public long Sequence { get; } = sequence;
        /// <summary>QoS 2: PUBREC was seen, PUBREL is what to repeat.</summary>
        public bool Released { get; set; }
        public bool IsReleaseRepeated { get; set; }
    }
}
