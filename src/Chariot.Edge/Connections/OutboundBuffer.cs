using System.Runtime.CompilerServices;
using Chariot.Edge.Transports;

namespace Chariot.Edge.Connections;

/// <summary>
/// Bytes on their way to one client. Writers append whole packets under a short lock; <see cref="Flush"/> hands everything
/// appended so far to the transport in one send, and what arrives meanwhile goes with the next. Nothing here waits for the
/// client: when it does not read, the buffer fills to its limit and further QoS 0 messages are dropped by the caller.
/// Holds no memory while it is empty. PUBLISH packets are appended in OutboundBuffer.Publish.cs.
/// </summary>
internal sealed partial class OutboundBuffer
{
    private const int InitialSize = 4096;

    private readonly Lock _gate = new();
    private readonly ITransport _transport;
    private readonly Action<Exception> _onBroken;
    private readonly Action _onSent;
    private byte[] _fill = [];
    private int _fillLength;
    private int _fillPackets;
    private byte[] _send = [];
    private int _sendLength;
    private int _sendOffset;
    private bool _sending;
    private bool _touched;
    private bool _closed;
    private bool _closeWhenEmpty;
    private long _progressAt = Environment.TickCount64;
    private ValueTaskAwaiter<int> _pending;
    private TaskCompletionSource? _drained;

    public OutboundBuffer(ITransport transport, int maximumBytes, int maximumPackets, Action<Exception> onBroken)
    {
        _transport = transport;
        _onBroken = onBroken;
        _onSent = OnSent;
        MaximumBytes = maximumBytes;
        MaximumPackets = maximumPackets;
    }

    public int MaximumBytes { get; set; }

    public int MaximumPackets { get; set; }

    public long BytesSent { get; private set; }

    /// <summary>Milliseconds since the transport last took bytes that were waiting; 0 when nothing waits.</summary>
    public long StalledFor(long now)
    {
        lock (_gate)
        {
            return _sending ? now - _progressAt : 0;
        }
    }

    /// <summary>Appends a control packet or acknowledgement, which is never dropped: a client that lets 8 MiB of them pile up is cut off.</summary>
    public bool AppendControl(ReadOnlySpan<byte> packet)
    {
        lock (_gate)
        {
            if (_closed || _closeWhenEmpty)
            {
                return false;
            }

            if (_fillLength + packet.Length > MaximumBytes + (8 * 1024 * 1024))
            {
                _closed = true;
            }
            else
            {
                packet.CopyTo(Reserve(packet.Length));
                _fillLength += packet.Length;
                _fillPackets++;
                var first = !_touched;
                _touched = true;
                return first;
            }
        }

        _onBroken(new IOException("the client does not read its acknowledgements"));
        return false;
    }

    /// <summary>Sends what has been appended. Returns at once; the rest follows as the transport takes it.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            _touched = false;
            if (_sending || _fillLength == 0 || _closed)
            {
                return;
            }

            _sending = true;
            _progressAt = Environment.TickCount64;
            Swap();
        }

        SendLoop();
    }

    /// <summary>Takes no more; what has been appended is still sent, then the stream to the client is ended.</summary>
    public void CloseWhenSent()
    {
        bool idle;
        lock (_gate)
        {
            _closeWhenEmpty = true;
            idle = !_sending && _fillLength == 0;
        }

        if (idle)
        {
            _transport.EndSending();
        }
        else
        {
            Flush();
        }
    }

    /// <summary>Takes and sends nothing more.</summary>
    public void Close()
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            _closed = true;
            drained = _drained;
            _drained = null;
            Release(ref _fill);
            _fillLength = 0;
        }

        drained?.TrySetResult();
    }

    /// <summary>Completes when less than half of the limit waits, or the connection is closed.</summary>
    public Task WhenHasRoomAsync()
    {
        lock (_gate)
        {
            if (_closed || (_fillLength < MaximumBytes / 2 && _fillPackets < Math.Max(1, MaximumPackets / 2)) || !_sending)
            {
                return Task.CompletedTask;
            }

            return (_drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Less than half of the limit waits.</summary>
    public bool HasRoom => Volatile.Read(ref _fillLength) < MaximumBytes / 2 && Volatile.Read(ref _fillPackets) < Math.Max(1, MaximumPackets / 2);

    /// <summary>Bytes that wait for the transport to take them, roughly; for comparing subscribers.</summary>
    public int WaitingBytes => Volatile.Read(ref _fillLength);

    private Span<byte> Reserve(int length)
    {
        if (_fill.Length - _fillLength < length)
        {
            Grow(length);
        }

        return _fill.AsSpan(_fillLength, length);
    }

    private void Grow(int length)
    {
        var larger = BufferPool.Rent(Math.Max(InitialSize, Math.Max(_fill.Length * 2, _fillLength + length)));
        _fill.AsSpan(0, _fillLength).CopyTo(larger);
        Release(ref _fill);
        _fill = larger;
    }

    private void Swap()
    {
        Release(ref _send);
        _send = _fill;
        _sendLength = _fillLength;
        _sendOffset = 0;
        _fill = [];
        _fillLength = 0;
        _fillPackets = 0;
    }

    private void SendLoop()
    {
        while (true)
        {
            ValueTaskAwaiter<int> sent;
            try
            {
                // The awaiter itself is kept: its continuation is the same delegate each time, so that a send that has to
                // wait allocates nothing either. It is consumed once, in Advance.
                sent = Begin();
            }
            catch (Exception error)
            {
                Break(error);
                return;
            }

            if (!sent.IsCompleted)
            {
                _pending = sent;
                sent.UnsafeOnCompleted(_onSent);
                return;
            }

            if (!Advance(sent))
            {
                return;
            }
        }
    }

    private ValueTaskAwaiter<int> Begin()
    {
        var send = _transport.SendAsync(_send.AsMemory(_sendOffset, _sendLength - _sendOffset));
        return send.GetAwaiter();
    }

    private void OnSent()
    {
        var sent = _pending;
        _pending = default;
        if (Advance(sent))
        {
            SendLoop();
        }
    }

    /// <summary>Books a finished send; true when there is more to send.</summary>
    private bool Advance(ValueTaskAwaiter<int> sent)
    {
        int taken;
        try
        {
            taken = sent.GetResult();
        }
        catch (Exception error)
        {
            Break(error);
            return false;
        }

        TaskCompletionSource? drained = null;
        bool close;
        bool more;
        lock (_gate)
        {
            BytesSent += taken;
            _sendOffset += taken;
            _progressAt = Environment.TickCount64;
            if (_sendOffset < _sendLength)
            {
                return true;
            }

            if (_drained is not null && _fillLength < MaximumBytes / 2 && _fillPackets < Math.Max(1, MaximumPackets / 2))
            {
                drained = _drained;
                _drained = null;
            }

            close = _closeWhenEmpty && _fillLength == 0;
            if (_fillLength > 0 && !_closed)
            {
                Swap();
                more = true;
            }
            else
            {
                _sending = false;
                more = false;
                Release(ref _send);
            }
        }

        drained?.TrySetResult();
        if (close)
        {
            _transport.EndSending();
        }

        return more;
    }

    private void Break(Exception error)
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            _sending = false;
            _closed = true;
            drained = _drained;
            _drained = null;
            Release(ref _send);
            Release(ref _fill);
            _fillLength = 0;
        }

        // Whoever waits for room may be the read loop itself, which nobody else could end.
        drained?.TrySetResult();
        _onBroken(error);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Release(ref byte[] buffer)
    {
        if (buffer.Length > 0)
        {
            BufferPool.Return(buffer);
            buffer = [];
        }
    }
}
