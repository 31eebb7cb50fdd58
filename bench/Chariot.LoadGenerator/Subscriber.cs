using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Chariot.LoadGenerator;

/// <summary>One subscribing connection: parses what comes in place and checks each publisher's numbers.</summary>
internal sealed unsafe class Subscriber(Socket socket, LoadOptions options) : IDisposable
{
    private readonly uint[] _next = new uint[options.Publishers];
    private readonly byte[] _rest = new byte[options.Payload + 1024];
    private readonly int _skip = options.Version == 5 ? 1 : 0;
    private readonly List<byte> _acknowledgements = [];
    private int _restLength;

    public int Handle { get; } = (int)socket.Handle;

    /// <summary>Deliveries whose number was not the one expected from their publisher.</summary>
    public long OutOfOrder { get; private set; }

    /// <summary>
    /// Reads once. Counts deliveries at their publishers, whose indexes are added to <paramref name="touched"/>. Returns the
    /// number of messages.
    /// </summary>
    public int Read(byte* buffer, int capacity, Publisher[] publishers, List<int> touched)
    {
        _rest.AsSpan(0, _restLength).CopyTo(new Span<byte>(buffer, capacity));
        var read = Epoll.Receive(Handle, buffer + _restLength, capacity - _restLength);
        if (read <= 0)
        {
            return read < 0 ? 0 : throw new IOException("the broker closed a subscriber's connection");
        }

        var messages = 0;
        var position = buffer;
        var end = buffer + _restLength + read;
        var last = -1;
        while (TryFrame(position, end, out var body, out var next))
        {
            if ((*position & 0xF0) == 0x30)
            {
                messages++;
                var publisher = Take(body, next, *position);
                publishers[publisher].Delivered++;
                if (publisher != last)
                {
                    touched.Add(last = publisher);
                }
            }

            position = next;
        }

        _restLength = (int)(end - position);
        new Span<byte>(position, _restLength).CopyTo(_rest);
        if (_acknowledgements.Count > 0)
        {
            socket.Send(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_acknowledgements));
            _acknowledgements.Clear();
        }

        return messages;
    }

    public void Dispose() => socket.Dispose();

    /// <summary>Start of the body and of the packet behind, if the whole packet is there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFrame(byte* position, byte* end, out byte* body, out byte* next)
    {
        body = position + 1;
        next = null;
        var length = 0;
        for (var shift = 0; body < end; shift += 7)
        {
            var digit = *body++;
            length |= (digit & 0x7F) << shift;
            if (digit < 0x80)
            {
                next = body + length;
                return next <= end;
            }
        }

        return false;
    }

    /// <summary>Checks one PUBLISH, notes its acknowledgement, and returns its publisher's index.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Take(byte* body, byte* next, byte first)
    {
        var payload = body + 2 + ((body[0] << 8) | body[1]) + _skip;
        if ((first & 0x06) != 0)
        {
            _acknowledgements.AddRange([0x40, 0x02, payload[-_skip], payload[1 - _skip]]);
            payload += 2;
        }

        var publisher = *(int*)payload;
        if (next - payload < 8 || (uint)publisher >= (uint)_next.Length)
        {
            throw new IOException("a message came that no publisher of this run has sent");
        }

        var number = *(uint*)(payload + 4);
        if (number != _next[publisher])
        {
            OutOfOrder++;
        }

        _next[publisher] = number + 1;
        return publisher;
    }
}
