using System.Diagnostics;
using Chariot.Abstractions.Stores;
using Microsoft.Extensions.Logging;

namespace Chariot.Cluster.Stores;

/// <summary>
/// The store's one writer: a thread that takes what has been submitted since the last commit and commits it in one
/// transaction. The longer a commit takes, the more the next one carries.
/// </summary>
internal sealed partial class GroupCommitWriter : IDisposable
{
    /// <summary>Works in one transaction: beyond some thousand the cost per work no longer falls, and callers wait longer.</summary>
    public const int MaxGroupWorks = 4096;

    /// <summary>Message bytes after which a group is committed, so that large messages do not make a commit of gigabytes.</summary>
    private const long MaxGroupBytes = 16 * 1024 * 1024;

    /// <summary>Works that may wait for a store that cannot be reached; later ones are refused, so that memory is bounded.</summary>
    internal const int MaxWaitingWorks = 256 * 1024;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(1);

    /// <summary>How long a store that cannot be reached may hold up the end of the process.</summary>
    private static readonly TimeSpan CloseTime = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger;
    private readonly IGroupTarget _target;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private readonly StoreWork[] _group = new StoreWork[MaxGroupWorks];
    private Queue<StoreWork> _queue = new();
    private int _pending;
    private long _refused;
    private bool _closed;
    private long _closedAt;

    // Of the writer's thread: since when the store cannot be reached, and how long to wait before the next attempt.
    private long? _unreachableSince;
    private TimeSpan _retry = FirstRetry;

    /// <summary>Takes <paramref name="target"/> over.</summary>
    public GroupCommitWriter(IGroupTarget target, ILogger logger)
    {
        _logger = logger;
        _target = target;
        _thread = new Thread(Run) { Name = "Chariot store writer", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Works submitted and not yet committed or failed.</summary>
    public int Pending => Volatile.Read(ref _pending);

    public void Submit(StoreWork work)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                _queue.Enqueue(work);
                _pending++;
                if (_queue.Count == 1)
                {
                    Monitor.Pulse(_gate);
                }

                return;
            }
        }

        Complete(work, new ObjectDisposedException("store", "The store is closed."));
    }

    /// <summary>Commits what has been submitted, then ends the thread and disposes the target.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            _closedAt = Stopwatch.GetTimestamp();
            Monitor.Pulse(_gate);
        }

        _thread.Join();
        _target.Dispose();
    }

    private void Run()
    {
        while (TakeGroup() is var count and > 0)
        {
            Process(count);
            Array.Clear(_group, 0, count);
        }
    }

    /// <summary>Waits for work; 0 when closed and drained.</summary>
    private int TakeGroup()
    {
        lock (_gate)
        {
            while (_queue.Count == 0)
            {
                if (_closed)
                {
                    return 0;
                }

                // A burst must not hold its memory for ever.
                if (_queue.Capacity > 16 * MaxGroupWorks)
                {
                    _queue.TrimExcess();
                }

                Monitor.Wait(_gate);
            }

            var count = Math.Min(_queue.Count, MaxGroupWorks);
            for (var i = 0; i < count; i++)
            {
                _group[i] = _queue.Dequeue();
            }

            return count;
        }
    }

    /// <summary>
    /// Commits the group. When the Apply of one work fails, the transaction is rolled back, the works before it are committed without
    /// it, and it is tried once more as the first of a transaction; if it fails there, it fails alone. So a bad work costs
    /// the others one more Apply and no more, and the order stays.
    /// </summary>
    private void Process(int count)
    {
        var next = 0;
        var end = count;

        // Below this index one work at a time, because one of them is bad and only the commit said so.
        var single = 0;
        while (next < count)
        {
            if (_target.RunsAlone(_group[next]))
            {
                Finish(next, next + 1, Try(_group[next]));
                next++;
                end = count;
                continue;
            }

            var applied = next;
            var error = TryRun(_target.Begin);
            var failedInApply = false;
            if (error is null)
            {
                (applied, error) = ApplyUntil(next, next < single ? next + 1 : end);
                failedInApply = error is not null;
                error ??= TryRun(_target.Commit);
            }

            if (failedInApply && applied > next)
            {
                end = applied;
                continue;
            }

            var failure = error is null || failedInApply ? GroupFailure.Refused : _target.Judge(error);
            if (failure == GroupFailure.Conflict || (failure == GroupFailure.Unreachable && WaitForStore(error!)))
            {
                continue;
            }

            if (failure == GroupFailure.OneWork && applied > next + 1)
            {
                single = applied;
                continue;
            }

            if (applied == next)
            {
                // BEGIN failed and so would the next; or the first work failed, alone.
                applied = failedInApply ? next + 1 : NextAlone(next, end);
            }

            Finish(next, applied, error);
            next = applied;
            end = count;
        }
    }

    private int NextAlone(int next, int end)
    {
        while (next < end && !_target.RunsAlone(_group[next]))
        {
            next++;
        }

        return next;
    }

    /// <summary>Returns the index after the last work applied, and the error of the one there, if it failed.</summary>
    private (int Applied, Exception? Error) ApplyUntil(int next, int end)
    {
        for (; next < end; next++)
        {
            if (_target.RunsAlone(_group[next]) || _target.BytesWritten > MaxGroupBytes)
            {
                break;
            }

            if (Try(_group[next]) is { } error)
            {
                _target.Rollback();
                return (next, error);
            }
        }

        return (next, null);
    }

    private Exception? Try(StoreWork work)
    {
        try
        {
            _target.Apply(work);
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }

    private static Exception? TryRun(Action step)
    {
        try
        {
            step();
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }

    /// <summary>See <see cref="Abstractions.Stores.IMessageStore.GroupCompleted"/>.</summary>
    public event Action? GroupCompleted;

    private void Finish(int from, int to, Exception? error)
    {
        lock (_gate)
        {
            _pending -= to - from;
        }

        LogHealth(to - from, error);
        for (var i = from; i < to; i++)
        {
            Complete(_group[i], error ?? _target.RefusalOf(i - from));
        }

        try
        {
            GroupCompleted?.Invoke();
        }
        catch (Exception thrown)
        {
            CallbackFailed(_logger, nameof(GroupCompleted), thrown);
        }
    }

    /// <summary>A full disk fails every group: the first is logged, and the end of it.</summary>
    private void LogHealth(int works, Exception? error)
    {
        if (error is not null && _target.IsRefusal(error))
        {
            if (_refused == 0)
            {
                StoreRefuses(_logger, error);
            }

            _refused += works;
        }
        else if (error is null && _refused > 0)
        {
            StoreWorksAgain(_logger, _refused);
            _refused = 0;
        }

        if (error is null && _unreachableSince is { } since)
        {
            StoreReached(_logger, Stopwatch.GetElapsedTime(since).TotalSeconds);
            _unreachableSince = null;
            _retry = FirstRetry;
        }
    }

    /// <summary>Waits before the next attempt; false when the process is ending and must not wait any longer.</summary>
    private bool WaitForStore(Exception error)
    {
        if (_unreachableSince is null)
        {
            _unreachableSince = Stopwatch.GetTimestamp();
            StoreUnreachable(_logger, error);
        }

        StoreWork[] beyond = [];
        lock (_gate)
        {
            if (!_closed)
            {
                Monitor.Wait(_gate, _retry);
            }
            else if (Stopwatch.GetElapsedTime(_closedAt) > CloseTime)
            {
                return false;
            }
            else
            {
                // Nothing pulses any more.
                Monitor.Wait(_gate, FirstRetry);
            }

            _retry = _retry * 2 < LastRetry ? _retry * 2 : LastRetry;
            if (_queue.Count > MaxWaitingWorks)
            {
                beyond = [.. _queue.Skip(MaxWaitingWorks)];
                _queue = new Queue<StoreWork>(_queue.Take(MaxWaitingWorks));
                _pending -= beyond.Length;
            }
        }

        foreach (var work in beyond)
        {
            Complete(work, error);
        }

        return true;
    }

    private void Complete(StoreWork work, Exception? error)
    {
        try
        {
            if (error is null)
            {
                work.OnCommitted();
            }
            else
            {
                work.OnFailed(error);
            }
        }
        catch (Exception thrown)
        {
            CallbackFailed(_logger, work.GetType().Name, thrown);
        }
    }

    [LoggerMessage(3100, LogLevel.Error, "The store refuses work. Check free space, permissions and health of the disk that holds its data; it goes on by itself when it can write again.")]
    private static partial void StoreRefuses(ILogger logger, Exception error);

    [LoggerMessage(3300, LogLevel.Error, "The store cannot be reached. Check its server and the network; work waits in order, and goes on by itself when the store is back.")]
    private static partial void StoreUnreachable(ILogger logger, Exception error);

    [LoggerMessage(3301, LogLevel.Information, "The store is reached again, after {Seconds:0.0} s.")]
    private static partial void StoreReached(ILogger logger, double seconds);

    [LoggerMessage(3103, LogLevel.Information, "The store works again. It refused {Works} works meanwhile.")]
    private static partial void StoreWorksAgain(ILogger logger, long works);

    [LoggerMessage(3102, LogLevel.Error, "A completion callback of {Work} threw; its work was handled all the same. This is a defect: report it.")]
    private static partial void CallbackFailed(ILogger logger, string work, Exception error);
}
