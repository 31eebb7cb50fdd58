using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Chariot.LoadGenerator;

/// <summary>
/// One run: connects everybody, publishes within the window, measures what arrives, drains. One thread; a wake-up handles
/// all sockets that have something, and a publisher writes once per wake-up however many messages it is due.
/// </summary>
internal sealed unsafe class LoadRun : IDisposable
{
    private const int BufferSize = 512 * 1024;
    private const int SubscriberTag = 1 << 24;
    private const double DrainSeconds = 10;
    private readonly LoadOptions _options;
    private readonly Publisher[] _publishers;
    private readonly Subscriber[] _subscribers;
    private readonly Epoll _epoll = new();
    private readonly byte* _buffer = (byte*)NativeMemory.Alloc(BufferSize);
    private readonly List<int> _touched = [];
    private readonly int _batch;
    private long _delivered;
    private bool _publishing = true;

    public LoadRun(LoadOptions options)
    {
        _options = options;
        _batch = Math.Max(1, options.Window / 4);
        var run = $"{Environment.ProcessId:x}";
        var ids = Enumerable.Range(0, options.Publishers).Select(i => $"p{run}-{i}").ToArray();
        _subscribers = new Subscriber[options.Subscribers];
        for (var i = 0; i < _subscribers.Length; i++)
        {
            var socket = Handshake.Connect(options, options.PortOf(i, isSubscriber: true), $"s{run}-{i}");
            var from = options.Mode switch { LoadMode.Pairs => ids[i], LoadMode.FanIn => "+", _ => ids[0] };
            Handshake.Subscribe(socket, options, $"{options.Prefix}/{from}/#");
            _subscribers[i] = new Subscriber(socket, options);
            _epoll.Add(_subscribers[i].Handle, SubscriberTag + i);
        }

        var topics = Math.Max(1, options.Topics / options.Publishers);
        _publishers = new Publisher[options.Publishers];
        for (var i = 0; i < _publishers.Length; i++)
        {
            _publishers[i] = new Publisher(Handshake.Connect(options, options.PortOf(i, isSubscriber: false), ids[i]), options, ids[i], i, topics);
            _epoll.Add(_publishers[i].Handle, i);
        }
    }

    private int Copies => _options.Mode == LoadMode.FanOut ? _subscribers.Length : 1;

    private long Sent => _publishers.Sum(publisher => (long)publisher.Sent);

    public LoadResult Execute()
    {
        foreach (var publisher in _publishers)
        {
            publisher.Publish(_options.Window);
            WatchRest(publisher);
        }

        Spin(_options.Warmup);
        var (before, deliveredBefore) = (ProcessSample.Take(_options.Pids), _delivered);
        var allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        Spin(_options.Seconds);
        var (after, delivered) = (ProcessSample.Take(_options.Pids), _delivered - deliveredBefore);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - allocatedBefore;

        _publishing = false;
        var deadline = Stopwatch.GetTimestamp() + (long)(DrainSeconds * Stopwatch.Frequency);
        while (_delivered < Sent * Copies && Stopwatch.GetTimestamp() < deadline)
        {
            Turn(50);
        }

        return new LoadResult(_options, Stopwatch.GetElapsedTime(before.At, after.At).TotalSeconds, delivered, before, after)
        {
            Sent = Sent,
            Lost = (Sent * Copies) - _delivered,
            OutOfOrder = _subscribers.Sum(subscriber => subscriber.OutOfOrder),
            AllocatedBytes = allocated,
        };
    }

    public void Dispose()
    {
        foreach (var publisher in _publishers)
        {
            publisher.Dispose();
        }

        foreach (var subscriber in _subscribers)
        {
            subscriber.Dispose();
        }

        _epoll.Dispose();
        NativeMemory.Free(_buffer);
    }

    private void Spin(double seconds)
    {
        var end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        while (Stopwatch.GetTimestamp() < end)
        {
            Turn(100);
        }
    }

    /// <summary>One wake-up.</summary>
    private void Turn(int milliseconds)
    {
        var count = _epoll.Wait(milliseconds);
        for (var i = 0; i < count; i++)
        {
            var (events, tag) = _epoll[i];
            if (tag >= SubscriberTag)
            {
                _delivered += _subscribers[tag - SubscriberTag].Read(_buffer, BufferSize, _publishers, _touched);
                continue;
            }

            var publisher = _publishers[tag];
            if ((events & Epoll.Out) != 0)
            {
                publisher.Flush();
                WatchRest(publisher);
                _touched.Add(tag);
            }

            if ((events & Epoll.In) != 0 && Epoll.Receive(publisher.Handle, _buffer, BufferSize) == 0)
            {
                throw new IOException("the broker closed a publisher's connection");
            }
        }

        foreach (var index in _touched)
        {
            TopUp(_publishers[index]);
        }

        _touched.Clear();
    }

    private void TopUp(Publisher publisher)
    {
        if (!_publishing || publisher.HasRest)
        {
            return;
        }

        // Fan-out: the window counts messages, each of which arrives once per subscriber.
        var room = _options.Window - (int)(publisher.Sent - (publisher.Delivered / Copies));
        if (room >= _batch)
        {
            publisher.Publish(room);
            WatchRest(publisher);
        }
    }

    private void WatchRest(Publisher publisher)
    {
        if (publisher.IsRestWatched != publisher.HasRest)
        {
            publisher.IsRestWatched = publisher.HasRest;
            _epoll.Watch(publisher.Handle, publisher.HasRest ? Epoll.In | Epoll.Out : Epoll.In, publisher.Index);
        }
    }
}
