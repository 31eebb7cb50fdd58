using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Chariot.TestKit.Mqtt;

/// <summary>From the bytes of the socket to packets.</summary>
public sealed partial class RawMqttClient
{
    private void SetAside(ReceivedPacket packet)
    {
        // A PUBREL that has been answered is of no interest to anybody.
        if (packet.Type != PacketType.PubRel || !AutoAcknowledge)
        {
            _setAside.Enqueue(packet);
        }
    }

    private async Task<ReceivedPacket?> ReceiveAsync(TimeSpan timeout)
    {
        using var cancel = new CancellationTokenSource(timeout);
        ReceivedPacket? packet;
        while (!TryTake(out packet))
        {
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                _end -= _start;
                _start = 0;
            }

            if (_end == _buffer.Length)
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }

            int read;
            try
            {
                read = await _stream.ReadAsync(_buffer.AsMemory(_end), cancel.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"no packet within {timeout.TotalSeconds:0.0} s");
            }
            catch (IOException)
            {
                // A reset is as closed as an orderly end.
                return null;
            }

            if (read == 0)
            {
                return null;
            }

            _end += read;
        }

        if (AutoAcknowledge)
        {
            await AcknowledgeAsync(packet!);
        }

        return packet;
    }

    private async Task AcknowledgeAsync(ReceivedPacket packet)
    {
        var answer = (packet.Type, packet.Qos) switch
        {
            (PacketType.Publish, 1) => Packets.Acknowledge(PacketType.PubAck, packet.PacketId),
            (PacketType.Publish, 2) => Packets.Acknowledge(PacketType.PubRec, packet.PacketId),
            (PacketType.PubRel, _) => Packets.Acknowledge(PacketType.PubComp, packet.PacketId),
            _ => null,
        };
        if (answer is null)
        {
            return;
        }

        try
        {
            await SendAsync(answer);
        }
        catch (IOException)
        {
            // The peer closed behind this packet; the next read says so.
            return;
        }
    }

    private bool TryTake(out ReceivedPacket? packet)
    {
        packet = null;
        var offset = _start + 1;
        var length = 0;
        for (var shift = 0; ; shift += 7)
        {
            if (offset >= _end)
            {
                return false;
            }

            var digit = _buffer[offset++];
            length |= (digit & 0x7F) << shift;
            if ((digit & 0x80) == 0)
            {
                break;
            }

            if (shift == 21)
            {
                throw new MqttTestException("the broker sent a remaining length of more than four bytes");
            }
        }

        if (_end - offset < length)
        {
            return false;
        }

        packet = new ReceivedPacket(Version, _buffer[_start], _buffer[offset..(offset + length)]);
        _start = offset + length;
        return true;
    }
}
