using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Chariot.LoadGenerator;

/// <summary>
/// One publishing connection. Its packets lie encoded one behind the other in native memory, as many as its topics and window
/// ask for; sending patches the numbers of the next ones in place and hands the stretch to the socket.
/// </summary>
internal sealed unsafe class Publisher : IDisposable
{
    private readonly byte* _packets;
    private readonly int _slots;
    private readonly int _packetSize;
    private readonly int _numberOffset;
    private readonly int _packetIdOffset;
    private readonly Socket _socket;
    private int _slot;
    private byte* _pending;
    private int _pendingBytes;

    public Publisher(Socket socket, LoadOptions options, string clientId, int index, int topics)
    {
        _socket = socket;
        Handle = (int)socket.Handle;
        Index = index;
        List<byte> all = [];
        for (; _slots == 0 || _slots < options.Window || _slots % topics != 0; _slots++)
        {
            List<byte> body = [];
            Handshake.Text(body, $"{options.Prefix}/{clientId}/t{_slots % topics:D7}");
            var topicLength = body.Count;
            if (options.Qos > 0)
            {
                body.AddRange([0, 0]);
            }

            Handshake.NoProperties(body, options);
            var payload = new byte[options.Payload];
            BinaryPrimitives.WriteInt32LittleEndian(payload, index);
            body.AddRange(payload);

            // All packets are of one size: topics differ in their digits only.
            var start = all.Count;
            all.Add((byte)(0x30 | (options.Qos << 1)));
            Handshake.VarInt(all, body.Count);
            _packetIdOffset = all.Count - start + topicLength;
            all.AddRange(body);
            _packetSize = all.Count - start;
            _numberOffset = _packetSize - payload.Length + 4;
        }

        _packets = (byte*)NativeMemory.Alloc((nuint)all.Count);
        CollectionsMarshal.AsSpan(all).CopyTo(new Span<byte>(_packets, all.Count));
        Qos = options.Qos;
    }

    public int Handle { get; }

    public int Index { get; }

    public int Qos { get; }

    /// <summary>Messages handed to the socket so far, its unsent rest included.</summary>
    public uint Sent { get; private set; }

    /// <summary>Deliveries of its messages, over all subscribers.</summary>
    public long Delivered { get; set; }

    /// <summary>Whether the socket is watched for room to send the rest.</summary>
    public bool IsRestWatched { get; set; }

    public bool HasRest => _pendingBytes > 0;

    /// <summary>Hands <paramref name="count"/> more messages to the socket. Only when there is no rest.</summary>
    public void Publish(int count)
    {
        while (count > 0 && !HasRest)
        {
            var run = Math.Min(count, _slots - _slot);
            _pending = _packets + ((nint)_slot * _packetSize);
            _pendingBytes = run * _packetSize;
            for (var packet = _pending; packet < _pending + _pendingBytes; packet += _packetSize)
            {
                *(uint*)(packet + _numberOffset) = Sent++;
                if (Qos > 0)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(packet + _packetIdOffset, 2), (ushort)((Sent % 65535) + 1));
                }
            }

            _slot = (_slot + run) % _slots;
            count -= run;
            Flush();
        }
    }

    /// <summary>Sends what the socket takes of the rest.</summary>
    public void Flush()
    {
        var written = Epoll.Send(Handle, _pending, _pendingBytes);
        if (written > 0)
        {
            _pending += written;
            _pendingBytes -= written;
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_packets);
        _socket.Dispose();
    }
}
