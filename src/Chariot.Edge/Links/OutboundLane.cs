using System.Buffers.Binary;

namespace Chariot.Edge.Links;

/// <summary>
/// What goes to one peer on one lane: items are gathered into frames, at most <paramref name="window"/> frames are under way, a
/// frame that failed is sent again, unchanged. No I/O: <see cref="TryTake"/> gives what is to be sent, the caller reports what became
/// of it. Thread-safe; its lock is taken last and calls nothing.
/// </summary>
internal sealed class OutboundLane(LinkLane lane, int generation, int window)
{
    private readonly Lock _gate = new();
    private readonly Queue<Frame> _sealed = new();
    private readonly SortedDictionary<ulong, Frame> _again = [];
    private readonly List<(ulong Sequence, TaskCompletionSource<long> Waiter)> _waiters = [];
    private byte[]? _building;
    private int _length;
    private ulong _lastSealed;
    private ulong _applied;
    private int _underWay;
    private long _bytes;
    private long _items;
    private long _repliedItems;
    private bool _closed;

    /// <summary>Bytes that have not been taken by the peer.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Items appended so far.</summary>
    public long Items => Volatile.Read(ref _items);

    /// <summary>Appends an item; false when the peer is gone.</summary>
    public bool Append(ReadOnlySpan<byte> item)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            _items++;
            _bytes += item.Length + sizeof(int);
            if (item.Length + sizeof(int) > LinkFrame.MaximumItems)
            {
                AppendInPieces(item);
                return true;
            }

            if (_length + sizeof(int) + item.Length > LinkFrame.MaximumItems)
            {
                Seal(more: false);
            }

            var destination = Reserve(item.Length + sizeof(int));
            BinaryPrimitives.WriteInt32LittleEndian(destination, item.Length);
            item.CopyTo(destination[sizeof(int)..]);
            return true;
        }
    }

    /// <summary>The next frame to send, if the window has room for it.</summary>
    public bool TryTake(out Frame frame)
    {
        lock (_gate)
        {
            frame = default;
            if (_closed)
            {
                return false;
            }

            // It kept its place in the window: what is under way may be waiting for it.
            if (_again.Count > 0)
            {
                var first = _again.First();
                frame = first.Value;
                return _again.Remove(first.Key);
            }

            if (_underWay >= window)
            {
                return false;
            }

            if (_sealed.Count == 0 && _length > 0)
            {
                Seal(more: false);
            }

            if (!_sealed.TryDequeue(out frame))
            {
                return false;
            }

            _underWay++;
            return true;
        }
    }

    /// <summary>The peer has applied <paramref name="frame"/> and all before it.</summary>
    public void Applied(Frame frame, long peerItems)
    {
        List<TaskCompletionSource<long>> reached = [];
        lock (_gate)
        {
            _underWay--;
            _bytes -= frame.ItemBytes;
            _applied = Math.Max(_applied, frame.Sequence);
            _repliedItems = Math.Max(_repliedItems, peerItems);
            for (var i = _waiters.Count - 1; i >= 0; i--)
            {
                if (_waiters[i].Sequence <= _applied)
                {
                    reached.Add(_waiters[i].Waiter);
                    _waiters.RemoveAt(i);
                }
            }
        }

        foreach (var waiter in reached)
        {
            waiter.TrySetResult(Volatile.Read(ref _repliedItems));
        }
    }

    /// <summary>It is not known whether the peer has <paramref name="frame"/>: it goes again, before later ones.</summary>
    public void Failed(Frame frame)
    {
        lock (_gate)
        {
            _again[frame.Sequence] = frame;
        }
    }

    /// <summary>
    /// Completes when the peer has applied everything appended so far, with the number of data items that it had sent by then; at
    /// once with 0 when the peer is gone.
    /// </summary>
    public Task<long> WhenAppliedAsync()
    {
        lock (_gate)
        {
            var last = _length > 0 ? _lastSealed + 1 : _lastSealed;
            if (_closed || last <= _applied)
            {
                return Task.FromResult(_closed ? 0 : _repliedItems);
            }

            var waiter = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((last, waiter));
            return waiter.Task;
        }
    }

    /// <summary>The peer is dead: nobody waits for it any more.</summary>
    public void Close()
    {
        List<TaskCompletionSource<long>> waiters;
        lock (_gate)
        {
            _closed = true;
            waiters = [.. _waiters.Select(entry => entry.Waiter)];
            _waiters.Clear();
            _sealed.Clear();
            _again.Clear();
            _building = null;
            _length = 0;
            _bytes = 0;
        }

        foreach (var waiter in waiters)
        {
            waiter.TrySetResult(0);
        }
    }

    private void AppendInPieces(ReadOnlySpan<byte> item)
    {
        if (_length > 0)
        {
            Seal(more: false);
        }

        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, item.Length);
        length.CopyTo(Reserve(sizeof(int)));
        while (true)
        {
            var piece = Math.Min(item.Length, LinkFrame.MaximumItems - _length);
            item[..piece].CopyTo(Reserve(piece));
            item = item[piece..];
            if (item.IsEmpty)
            {
                Seal(more: false);
                return;
            }

            Seal(more: true);
        }
    }

    private Span<byte> Reserve(int size)
    {
        var needed = LinkFrame.HeaderLength + _length + size;
        if (_building is null)
        {
            _building = new byte[Math.Max(512, needed)];
        }
        else if (_building.Length < needed)
        {
            Array.Resize(ref _building, Math.Min(LinkFrame.HeaderLength + LinkFrame.MaximumItems, Math.Max(needed, _building.Length * 4)));
        }

        var reserved = _building.AsSpan(LinkFrame.HeaderLength + _length, size);
        _length += size;
        return reserved;
    }

    private void Seal(bool more)
    {
        LinkFrame.WriteHeader(_building, lane, more, generation, ++_lastSealed, _length);
        _sealed.Enqueue(new Frame(_lastSealed, _building.AsMemory(0, LinkFrame.HeaderLength + _length)));
        // Never used again: a call that timed out may still hold it.
        _building = null;
        _length = 0;
    }

    internal readonly record struct Frame(ulong Sequence, ReadOnlyMemory<byte> Bytes)
    {
        public int ItemBytes => Bytes.Length - LinkFrame.HeaderLength;
    }
}
