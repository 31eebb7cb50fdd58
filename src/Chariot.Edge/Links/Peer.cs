using Chariot.Abstractions;
using Chariot.Abstractions.Edges;
using Chariot.Edge.Connections;
using Orleans.Runtime;

namespace Chariot.Edge.Links;

/// <summary>What an edge does with the items of its peers.</summary>
internal interface IPeerReceiver
{
    void OnControl(Peer peer, ReadOnlySpan<byte> item);

    void OnData(Peer peer, ReadOnlySpan<byte> item);

    /// <summary>The items of a frame have been handed over.</summary>
    void OnFrameEnd(Peer peer);
}

/// <summary>
/// Another edge of the cluster: two lanes to it, two from it, and the publishes that it has and has not settled. Lives as long as
/// that silo; a silo that starts again is another one.
/// </summary>
internal sealed class Peer
{
    /// <summary>Bytes that may wait for the peer; beyond it QoS 0 is dropped. QoS 1 and 2 are bounded by what their publishers may have unacknowledged.</summary>
    public const long MaximumDataBytes = 16 * 1024 * 1024;

    private const int Window = 4;
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly IPeerReceiver _receiver;
    private readonly TimeProvider _time;
    private readonly PeerLog _log;
    private readonly Action<Action> _schedule;
    private readonly Dictionary<ulong, RemotePublish> _unsettled = [];
    private readonly Dictionary<ulong, TaskCompletionSource<bool>> _fences = [];
    private readonly Lock _holdGate = new();
    private List<RemotePublish>? _held;
    private IEnumerator<Action<Peer>>? _backlog;
    private ulong _lastSettleId;
    private ulong _lastFence;
    private int _failures;
    private int _pumpRequested;
    private volatile bool _closed;

    public Peer(SiloAddress silo, IPeerLink link, int generation, IPeerReceiver receiver, TimeProvider time, PeerLog log, Action<Action>? schedule = null)
    {
        Silo = silo;
        Link = link;
        _receiver = receiver;
        _time = time;
        _log = log;
        _schedule = schedule ?? (work => ThreadPool.UnsafeQueueUserWorkItem(static work => work(), work, preferLocal: false));
        Control = new OutboundLane(LinkLane.Control, generation, Window);
        Data = new OutboundLane(LinkLane.Data, generation, Window);
        ControlIn = new InboundLane(item => receiver.OnControl(this, item), () => receiver.OnFrameEnd(this));
        DataIn = new InboundLane(TakeData, () => receiver.OnFrameEnd(this));
    }

    public SiloAddress Silo { get; }

    public IPeerLink Link { get; }

    public OutboundLane Control { get; }

    public OutboundLane Data { get; }

    public InboundLane ControlIn { get; }

    public InboundLane DataIn { get; }

    /// <summary>Deliveries of this peer's messages, for the barrier of configuration changes.</summary>
    public BatchMarker Batch { get; } = new();

    /// <summary>Its routes are here; false when it died before.</summary>
    public TaskCompletionSource<bool> RoutesReceived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Its retained messages are here; false when it died before.</summary>
    public TaskCompletionSource<bool> RetainedReceived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool IsClosed => _closed;

    /// <summary>Publishes of this edge that the peer has not settled.</summary>
    public int UnsettledCount
    {
        get
        {
            lock (_gate)
            {
                return _unsettled.Count;
            }
        }
    }

    /// <summary>Sends <paramref name="backlog"/>, item by item, where the data lane has room for it.</summary>
    public void SetBacklog(IEnumerable<Action<Peer>> backlog) => _backlog = backlog.GetEnumerator();

    /// <summary>A settle id under which the peer answers for a publish; 0 when it is gone.</summary>
    public ulong Track(RemotePublish publish)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return 0;
            }

            _unsettled[++_lastSettleId] = publish;
            return _lastSettleId;
        }
    }

    /// <summary>What the peer settles under <paramref name="id"/>; null when that is known already.</summary>
    public RemotePublish? TakeSettled(ulong id)
    {
        lock (_gate)
        {
            return _unsettled.Remove(id, out var publish) ? publish : null;
        }
    }

    /// <summary>
    /// Completes with true when everything that the peer had matched when it saw this has been applied here; with false when it is
    /// gone before.
    /// </summary>
    public Task<bool> FenceAsync()
    {
        TaskCompletionSource<bool> reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ulong token;
        lock (_gate)
        {
            if (_closed)
            {
                return Task.FromResult(false);
            }

            token = ++_lastFence;
            _fences[token] = reached;
        }

        LinkItem.AppendMark(Control, LinkItemKind.Fence, token);
        Pump();
        return reached.Task;
    }

    public void OnFenceReached(ulong token)
    {
        TaskCompletionSource<bool>? reached;
        lock (_gate)
        {
            _fences.Remove(token, out reached);
        }

        reached?.TrySetResult(true);
    }

    /// <summary>Sends what waits, as far as the windows allow. Not under a lock that a receiver takes.</summary>
    public void Pump()
    {
        Pump(Control);
        FeedBacklog();
        Pump(Data);
    }

    /// <summary>The same, later and once, from where a lock is held.</summary>
    public void PumpSoon()
    {
        if (Interlocked.Exchange(ref _pumpRequested, 1) == 0)
        {
            _schedule(() =>
            {
                Volatile.Write(ref _pumpRequested, 0);
                Pump();
            });
        }
    }

    /// <summary>
    /// Keeps a publish for those who adopt the sessions of this silo, which is dead; false when nothing is kept (any more): what
    /// matches now is to be asked again.
    /// </summary>
    public bool TryHold(RemotePublish publish)
    {
        lock (_holdGate)
        {
            _held?.Add(publish);
            return _held is not null;
        }
    }

    /// <summary>Takes out of what is kept what nobody is to adopt.</summary>
    public List<RemotePublish> TakeHeld(Predicate<RemotePublish> which)
    {
        lock (_holdGate)
        {
            var taken = new List<RemotePublish>();
            _held?.RemoveAll(publish =>
            {
                var takes = which(publish);
                if (takes)
                {
                    taken.Add(publish);
                }

                return takes;
            });
            return taken;
        }
    }

    /// <summary>
    /// Hands over what was kept, in order, and keeps nothing more. Publishes that would be kept wait until
    /// <paramref name="switchOver"/> has returned, which removes the silo's routes.
    /// </summary>
    public void Drain(Action<RemotePublish> send, Action switchOver)
    {
        lock (_holdGate)
        {
            _held?.ForEach(send);
            _held = null;
            switchOver();
        }
    }

    /// <summary>The silo is dead. What it had not settled is kept, in order; returns the rest, whose receivers were to be chosen there.</summary>
    public List<RemotePublish> Close()
    {
        List<RemotePublish> unsettled;
        List<TaskCompletionSource<bool>> fences;
        lock (_gate)
        {
            _closed = true;
            unsettled = [.. _unsettled.OrderBy(entry => entry.Key).Select(entry => entry.Value)];
            _unsettled.Clear();
            // Before anybody can see that it is closed: what comes next stands behind.
            lock (_holdGate)
            {
                _held = [.. unsettled.Where(publish => publish.Shares is null)];
            }

            fences = [.. _fences.Values];
            _fences.Clear();
        }

        Control.Close();
        Data.Close();
        ControlIn.Close();
        DataIn.Close();
        foreach (var fence in fences.Append(RoutesReceived).Append(RetainedReceived))
        {
            fence.TrySetResult(false);
        }

        return [.. unsettled.Where(publish => publish.Shares is not null)];
    }

    private void TakeData(ReadOnlySpan<byte> item)
    {
        Batch.Enter();
        try
        {
            _receiver.OnData(this, item);
        }
        finally
        {
            Batch.Leave();
        }
    }

    private void FeedBacklog()
    {
        if (_backlog is null)
        {
            return;
        }

        lock (_gate)
        {
            while (_backlog is not null && Data.Bytes < LinkFrame.MaximumItems * Window)
            {
                if (_backlog.MoveNext())
                {
                    _backlog.Current(this);
                }
                else
                {
                    _backlog.Dispose();
                    _backlog = null;
                }
            }
        }
    }

    private void Pump(OutboundLane lane)
    {
        while (lane.TryTake(out var frame))
        {
            _ = SendAsync(lane, frame);
        }
    }

    private async Task SendAsync(OutboundLane lane, OutboundLane.Frame frame)
    {
        try
        {
            var reply = await Link.SendAsync(frame.Bytes).ConfigureAwait(false);
            if (reply.Status == LinkStatus.Applied)
            {
                Volatile.Write(ref _failures, 0);
                lane.Applied(frame, reply.DataItems);
                Pump();
                return;
            }

            throw new IOException($"The frame was answered with {reply.Status}.");
        }
        catch (Exception error)
        {
            if (_closed)
            {
                return;
            }

            var failures = Interlocked.Increment(ref _failures);
            if (failures == 1)
            {
                _log.FrameFailed(error, Silo);
            }

            await Task.Delay(Pause(failures), _time).ConfigureAwait(false);
            lane.Failed(frame);
            Pump();
        }
    }

    private static TimeSpan Pause(int failures) =>
        TimeSpan.FromTicks(Math.Min(LongestPause.Ticks, ShortestPause.Ticks << Math.Min(failures - 1, 10)));
}
