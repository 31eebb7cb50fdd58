using System.Globalization;
using Chariot.TestKit.Mqtt;

namespace Chariot.TestKit.Journals;

/// <summary>
/// Receives what <see cref="DurablePublisher"/> sends, over as many connections as it takes, and keeps the receiver's half of
/// QoS 2: a packet id between PUBREC and PUBREL is not delivered again.
/// </summary>
public sealed class DurableSubscriber(DurableClientOptions options, Journal journal, params (string Filter, int Qos)[] filters)
{
    private readonly HashSet<ushort> _unreleased = [];
    private bool _subscribed;

    public int Connections { get; private set; }

    /// <summary>Connects, subscribes if that has not been done, and leaves the session offline.</summary>
    public async Task SubscribeAndLeaveAsync(CancellationToken cancellation)
    {
        await using var client = await options.ConnectAsync(cancellation);
        Connections++;
        await SubscribeAsync(client);
        await client.DisconnectAsync();
    }

    /// <summary>Connects and receives, again and again, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation, TaskCompletionSource? subscribed = null)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await using var client = await options.ConnectAsync(cancellation);
                Connections++;
                await using var stop = cancellation.Register(client.Abort);
                await SubscribeAsync(client);
                subscribed?.TrySetResult();
                await ReceiveAsync(client);
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException)
            {
                // The connection broke under a write; the next one resumes.
                continue;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                subscribed?.TrySetException(error);
                throw;
            }
        }
    }

    private async Task SubscribeAsync(RawMqttClient client)
    {
        if (_subscribed)
        {
            if (!client.ConnAck!.SessionPresent)
            {
                throw new MqttTestException($"the session of {options.ClientId} is gone");
            }

            return;
        }

        foreach (var (filter, qos) in filters)
        {
            var granted = await client.SubscribeAsync(filter, qos);
            if (granted != qos)
            {
                throw new MqttTestException($"{options.ClientId} was granted 0x{granted:X2} on {filter}");
            }
        }

        _subscribed = true;
    }

    private async Task ReceiveAsync(RawMqttClient client)
    {
        while (true)
        {
            ReceivedPacket? packet;
            try
            {
                packet = await client.ReadAsync(options.SilenceSeconds is { } silence ? TimeSpan.FromSeconds(silence) : null);
            }
            catch (TimeoutException)
            {
                // Nothing to receive just now, or nobody there.
                if (options.SilenceSeconds is { } seconds && !await AnswersAsync(client, TimeSpan.FromSeconds(seconds)))
                {
                    return;
                }

                continue;
            }

            switch (packet?.Type)
            {
                case null or PacketType.Disconnect:
                    return;
                case PacketType.Publish when packet.Qos == 2:
                    if (_unreleased.Add(packet.PacketId))
                    {
                        Record(packet);
                    }

                    await client.SendAsync(Packets.Acknowledge(PacketType.PubRec, packet.PacketId));
                    break;
                case PacketType.Publish:
                    Record(packet);
                    if (packet.Qos == 1)
                    {
                        await client.SendAsync(Packets.Acknowledge(PacketType.PubAck, packet.PacketId));
                    }

                    break;
                case PacketType.PingResp:
                    break;
                case PacketType.PubRel:
                    _unreleased.Remove(packet.PacketId);
                    await client.SendAsync(Packets.Acknowledge(PacketType.PubComp, packet.PacketId));
                    break;
                default:
                    throw new MqttTestException($"{options.ClientId} received {packet}");
            }
        }
    }

    /// <summary>Anything that comes is an answer; it stays for the next read.</summary>
    private static async Task<bool> AnswersAsync(RawMqttClient client, TimeSpan patience)
    {
        try
        {
            await client.SendAsync(Packets.PingReq);
            await client.WaitForAsync(PacketType.PingResp, patience);
            return true;
        }
        catch (Exception error) when (error is TimeoutException or MqttTestException)
        {
            return false;
        }
    }

    private void Record(ReceivedPacket packet)
    {
        var parts = packet.PayloadText.Split(':');
        journal.Delivered(options.ClientId, parts[0], packet.Topic, packet.Qos, long.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
