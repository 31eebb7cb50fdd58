using System.Buffers.Binary;

namespace Chariot.Edge.Links;

/// <summary>Takes one item of a frame, under the lane's lock: in order, and each once.</summary>
internal delegate void LinkItemHandler(ReadOnlySpan<byte> item);

/// <summary>
/// What comes from one peer on one lane: frames may arrive in any order and more than once; they are applied in order, each once.
/// </summary>
internal sealed class InboundLane(LinkItemHandler apply, Action? frameApplied = null)
{
    // Far more than any sender's window: a frame beyond it is a defect of the sender.
    private const ulong Furthest = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, (LinkFrame Frame, TaskCompletionSource<bool> Applied)> _early = [];
    private readonly List<(long Items, TaskCompletionSource<bool> Waiter)> _waiters = [];
    private ulong _last;
    private long _items;
    private byte[]? _partial;
    private int _partialLength;
    private bool _closed;

    /// <summary>Items applied so far.</summary>
    public long Items => Volatile.Read(ref _items);

    /// <summary>Completes with true when the frame has been applied, with false when the lane is closed or cannot take it.</summary>
    public Task<bool> AcceptAsync(LinkFrame frame)
    {
        List<TaskCompletionSource<bool>> done = [];
        lock (_gate)
        {
            if (_closed || frame.Sequence > _last + Furthest)
            {
                return Task.FromResult(false);
            }

            if (frame.Sequence <= _last)
            {
                return Task.FromResult(true);
            }

            if (frame.Sequence != _last + 1)
            {
                if (!_early.TryGetValue(frame.Sequence, out var waiting))
                {
                    // Answered on the thread that closes the gap: the answer is all that follows.
                    _early[frame.Sequence] = waiting = (frame, new TaskCompletionSource<bool>());
                }

                return waiting.Applied.Task;
            }

            Apply(frame);
            while (_early.Remove(_last + 1, out var next))
            {
                Apply(next.Frame);
                done.Add(next.Applied);
            }

            for (var i = _waiters.Count - 1; i >= 0; i--)
            {
                if (_waiters[i].Items <= _items)
                {
                    done.Add(_waiters[i].Waiter);
                    _waiters.RemoveAt(i);
                }
            }

            frameApplied?.Invoke();
        }

        foreach (var waiter in done)
        {
            waiter.TrySetResult(true);
        }

        return Task.FromResult(true);
    }

    /// <summary>Completes when <paramref name="items"/> items have been applied in all; with false when the peer is gone before.</summary>
    public Task<bool> WhenAppliedAsync(long items)
    {
        lock (_gate)
        {
            if (_items >= items || _closed)
            {
                return Task.FromResult(_items >= items);
            }

            var waiter = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((items, waiter));
            return waiter.Task;
        }
    }

    public void Close()
    {
        List<TaskCompletionSource<bool>> waiters;
        lock (_gate)
        {
            _closed = true;
            waiters = [.. _waiters.Select(entry => entry.Waiter), .. _early.Values.Select(entry => entry.Applied)];
            _waiters.Clear();
            _early.Clear();
            _partial = null;
        }

        foreach (var waiter in waiters)
        {
            waiter.TrySetResult(false);
        }
    }

    private void Apply(LinkFrame frame)
    {
        _last = frame.Sequence;
        if (frame.HasMore || _partialLength > 0)
        {
            Gather(frame.Items.Span);
            if (!frame.HasMore)
            {
                var whole = _partial.AsSpan(0, _partialLength);
                _partial = null;
                _partialLength = 0;
                ApplyItems(whole);
            }

            return;
        }

        ApplyItems(frame.Items.Span);
    }

    private void ApplyItems(ReadOnlySpan<byte> items)
    {
        while (items.Length >= sizeof(int))
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(items);
            apply(items.Slice(sizeof(int), length));
            _items++;
            items = items[(sizeof(int) + length)..];
        }
    }

    private void Gather(ReadOnlySpan<byte> piece)
    {
        if (_partial is null || _partial.Length < _partialLength + piece.Length)
        {
            Array.Resize(ref _partial, Math.Max(_partialLength + piece.Length, 2 * _partialLength));
        }

        piece.CopyTo(_partial.AsSpan(_partialLength));
        _partialLength += piece.Length;
    }
}
