using Chariot.Abstractions.Stores;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using SQLitePCL;

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

    private readonly ILogger _logger;
    private readonly SqliteStoreTransaction _transaction;
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private readonly Queue<StoreWork> _queue = new();
    private readonly StoreWork[] _group = new StoreWork[MaxGroupWorks];
    private int _pending;
    private long _refused;
    private bool _closed;

    /// <summary>Takes <paramref name="connection"/> over.</summary>
    public GroupCommitWriter(SqliteConnection connection, ILogger logger)
    {
        _logger = logger;
        _transaction = new SqliteStoreTransaction(connection);
        _begin = new SqliteStatement(connection, "BEGIN IMMEDIATE");
        _commit = new SqliteStatement(connection, "COMMIT");
        _rollback = new SqliteStatement(connection, "ROLLBACK");
        _thread = new Thread(Run) { Name = "Chariot store writer", IsBackground = true };
        _thread.Start();
    }

    /// <summary>For tests that make SQLite fail; only while nothing is submitted.</summary>
    internal SqliteConnection Connection => _transaction.Connection;

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

        Complete(work, new ObjectDisposedException(nameof(SqliteStore), "The store is closed."));
    }

    /// <summary>Commits what has been submitted, then ends the thread and closes the connection.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
        _begin.Dispose();
        _commit.Dispose();
        _rollback.Dispose();
        _transaction.Dispose();
        Connection.Dispose();
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
        while (next < count)
        {
            if (_group[next] is SqliteWork { OutsideTransaction: true })
            {
                Finish(next, next + 1, Try(_group[next]));
                next++;
                end = count;
                continue;
            }

            var applied = next;
            Exception? error = TryBegin();
            var failedInApply = false;
            if (error is null)
            {
                (applied, error) = ApplyUntil(next, end);
                failedInApply = error is not null;
                error ??= TryCommit();
            }

            if (failedInApply && applied > next)
            {
                end = applied;
                continue;
            }

            if (applied == next)
            {
                // BEGIN failed and so would the next; or the first work failed, alone.
                applied = failedInApply ? next + 1 : NextOutsideTransaction(next, end);
            }

            Finish(next, applied, error);
            next = applied;
            end = count;
        }
    }

    private int NextOutsideTransaction(int next, int end)
    {
        while (next < end && _group[next] is not SqliteWork { OutsideTransaction: true })
        {
            next++;
        }

        return next;
    }

    /// <summary>Returns the index after the last work applied, and the error of the one there, if it failed.</summary>
    private (int Applied, Exception? Error) ApplyUntil(int next, int end)
    {
        _transaction.BytesWritten = 0;
        for (; next < end; next++)
        {
            if (_group[next] is SqliteWork { OutsideTransaction: true } || _transaction.BytesWritten > MaxGroupBytes)
            {
                break;
            }

            if (Try(_group[next]) is { } error)
            {
                Rollback();
                return (next, error);
            }
        }

        return (next, null);
    }

    private Exception? Try(StoreWork work)
    {
        try
        {
            work.Apply(_transaction);
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }

    private SqliteException? TryBegin()
    {
        try
        {
            _begin.Execute();
            return null;
        }
        catch (SqliteException error)
        {
            return error;
        }
    }

    private SqliteException? TryCommit()
    {
        try
        {
            _commit.Execute();
            return null;
        }
        catch (SqliteException error)
        {
            Rollback();
            return error;
        }
    }

    private void Rollback()
    {
        // A full disk makes SQLite roll back by itself.
        if (raw.sqlite3_get_autocommit(Connection.Handle) != 0)
        {
            return;
        }

        try
        {
            _rollback.Execute();
        }
        catch (SqliteException error)
        {
            RollbackFailed(_logger, error);
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
            Complete(_group[i], error);
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
        if (error is SqliteException)
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

    [LoggerMessage(3100, LogLevel.Error, "The store refuses work. Check free space, permissions and health of the disk that holds the data directory; it goes on by itself when it can write again.")]
    private static partial void StoreRefuses(ILogger logger, Exception error);

    [LoggerMessage(3103, LogLevel.Information, "The store works again. It refused {Works} works meanwhile.")]
    private static partial void StoreWorksAgain(ILogger logger, long works);

    [LoggerMessage(3101, LogLevel.Error, "A transaction could not be rolled back. Restart the broker if the store goes on refusing work.")]
    private static partial void RollbackFailed(ILogger logger, Exception error);

    [LoggerMessage(3102, LogLevel.Error, "A completion callback of {Work} threw; its work was handled all the same. This is a defect: report it.")]
    private static partial void CallbackFailed(ILogger logger, string work, Exception error);
}
