using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Chariot.Fuzz.Codec;
using Chariot.TestKit.Mqtt;

namespace Chariot.Fuzz.Sockets;

/// <summary>How far a hostile connection goes before it misbehaves.</summary>
internal enum HostileState
{
    Fresh,
    Connected,
    /// <summary>PUBREC received, PUBREL owed.</summary>
    MidExactlyOnce,
    /// <summary>A QoS 2 message of the broker is unanswered.</summary>
    Receiving,
    AfterDisconnect,
}

/// <summary>One connection that behaves as far as its state and then sends what no client would, in pieces, and goes away.</summary>
internal sealed class HostileConnection(int port, bool webSocket, bool v5, Random random, CancellationToken cancellation) : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _received = new byte[16 * 1024];

    private MqttVersion Version => v5 ? MqttVersion.V500 : MqttVersion.V311;

    /// <summary>Answers false when the broker had not closed by <paramref name="patience"/> after the end of our bytes.</summary>
    public async Task<bool> RunAsync(HostileState state, int type, PacketGenerator generator, TimeSpan patience)
    {
        // A source address of its own: a hundred thousand connections would use up the ports of one.
        _socket.Bind(new IPEndPoint(new IPAddress([127, 1, (byte)random.Next(1, 250), (byte)random.Next(1, 250)]), 0));
        await _socket.ConnectAsync(IPAddress.Loopback, port, cancellation);
        try
        {
            if (webSocket)
            {
                await UpgradeAsync();
            }

            await ReachAsync(state);
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                await SendAsync(Hostile(type, generator), hostile: true);
            }

            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // Closed by the broker before the last piece: that is its answer.
            return true;
        }

        return await IsClosedAsync(patience);
    }

    public void Dispose()
    {
        if (random.Next(2) == 0)
        {
            _socket.LingerState = new LingerOption(true, 0);
        }

        _socket.Dispose();
    }

    /// <summary>A packet of <paramref name="type"/> where that can be had soon, or any.</summary>
    private byte[] Hostile(int type, PacketGenerator generator)
    {
        for (var tries = 0; ; tries++)
        {
            var packet = generator.Next(v5, out _);
            // A password is hashed at great cost on purpose; a few are enough.
            var signsIn = packet.Length > 10 && packet[0] == 0x10 && (packet[9] & 0xC0) != 0 && random.Next(200) != 0;
            if ((packet[0] >> 4 == type || tries > 200) && !signsIn)
            {
                return packet.ToArray();
            }
        }
    }

    private async Task ReachAsync(HostileState state)
    {
        if (state == HostileState.Fresh)
        {
            return;
        }

        var id = $"hostile{random.Next(1 << 20):x}";
        await SendAsync(new ConnectPacket { Version = Version, ClientId = id, SessionExpiry = v5 && random.Next(4) == 0 ? 5u : null }.Encode());
        await ReceiveAsync();
        switch (state)
        {
            case HostileState.MidExactlyOnce:
                await SendAsync(Packets.Publish(Version, "hostile/qos2", "x", 2, 1));
                await ReceiveAsync();
                break;
            case HostileState.Receiving:
                await SendAsync(Packets.Subscribe(Version, 1, ($"hostile/{id}", 2)));
                await ReceiveAsync();
                await SendAsync(Packets.Publish(Version, $"hostile/{id}", "x", 2, 1));
                await ReceiveAsync();
                break;
            case HostileState.AfterDisconnect:
                await SendAsync(Packets.Disconnect(Version));
                break;
        }
    }

    private async Task SendAsync(byte[] packet, bool hostile = false)
    {
        var bytes = webSocket ? Frame(packet, hostile) : packet;
        // Now and then in pieces, so that every boundary is met.
        var cut = hostile && random.Next(3) == 0 ? random.Next(bytes.Length + 1) : bytes.Length;
        await _socket.SendAsync(bytes.AsMemory(0, cut), cancellation);
        if (cut < bytes.Length)
        {
            await Task.Yield();
            await _socket.SendAsync(bytes.AsMemory(cut), cancellation);
        }
    }

    private async Task UpgradeAsync()
    {
        const string Request = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
        await _socket.SendAsync(Encoding.ASCII.GetBytes(Request), cancellation);
        await ReceiveAsync();
    }

    /// <summary>A masked binary frame; a hostile one now and then is no such thing.</summary>
    private byte[] Frame(byte[] payload, bool hostile)
    {
        var wrong = hostile ? random.Next(12) : 12;
        var first = (byte)(wrong switch { 0 => 0x81, 1 => 0x02, 2 => 0xF2, 3 => 0x80, 4 => 0x88 + random.Next(3), _ => 0x82 });
        using var frame = new MemoryStream();
        frame.WriteByte(first);
        var mask = wrong == 5 ? 0 : 0x80;
        Span<byte> size = stackalloc byte[8];
        if (wrong == 6)
        {
            frame.WriteByte((byte)(mask | 127));
            BinaryPrimitives.WriteUInt64BigEndian(size, (ulong)random.NextInt64() * 2);
            frame.Write(size);
        }
        else if (payload.Length < 126)
        {
            frame.WriteByte((byte)(mask | payload.Length));
        }
        else
        {
            frame.WriteByte((byte)(mask | 126));
            BinaryPrimitives.WriteUInt16BigEndian(size, (ushort)payload.Length);
            frame.Write(size[..2]);
        }

        Span<byte> key = stackalloc byte[4];
        if (mask != 0)
        {
            random.NextBytes(key);
            frame.Write(key);
        }

        for (var i = 0; i < payload.Length; i++)
        {
            frame.WriteByte((byte)(payload[i] ^ key[i % 4]));
        }

        return frame.ToArray();
    }

    /// <summary>Something, or the end; what it is does not matter here.</summary>
    private async Task ReceiveAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        await _socket.ReceiveAsync(_received, limit.Token);
    }

    private async Task<bool> IsClosedAsync(TimeSpan patience)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(patience);
        try
        {
            while (await _socket.ReceiveAsync(_received, limit.Token) > 0)
            {
            }

            return true;
        }
        catch (SocketException)
        {
            // A reset is as closed as an orderly end.
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
