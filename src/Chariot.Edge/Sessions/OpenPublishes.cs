using Chariot.Abstractions.Topics;
using Chariot.Edge.Routing;

namespace Chariot.Edge.Sessions;

/// <summary>
/// QoS 2 publishes of clients here that other silos have before they are committed here: matched once, routed here later. A session that
/// leaves in between would get them neither here nor where it goes, so it is given them before it leaves. It cannot wait for them: the silo
/// that it goes to may be one of those that they wait for.
/// </summary>
internal sealed class OpenPublishes
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<long, (ApplicationMessage Message, TopicEntry Entry)> _open = [];
    private readonly List<(HashSet<long> Left, TaskCompletionSource Waiter)> _waiters = [];
    private long _last;

    /// <summary>In their order.</summary>
    public IReadOnlyList<(ApplicationMessage Message, TopicEntry Entry)> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _open.Values];
            }
        }
    }

    /// <summary>In the batch that matched it; the number ends it.</summary>
    public long Begin(ApplicationMessage message, TopicEntry entry)
    {
        lock (_gate)
        {
            _open.Add(++_last, (message, entry));
            return _last;
        }
    }

    /// <summary>It has been routed here, or refused.</summary>
    public void End(long number)
    {
        List<TaskCompletionSource> done = [];
        lock (_gate)
        {
            _open.Remove(number);
            for (var i = _waiters.Count - 1; i >= 0; i--)
            {
                if (_waiters[i].Left.Remove(number) && _waiters[i].Left.Count == 0)
                {
                    done.Add(_waiters[i].Waiter);
                    _waiters.RemoveAt(i);
                }
            }
        }

        done.ForEach(waiter => waiter.SetResult());
    }

    /// <summary>Completes when those that are open now are not any more.</summary>
    /// <param name="publisher">Only those of this client id; null for all.</param>
    public Task WhenEndedAsync(string? publisher = null)
    {
        lock (_gate)
        {
            var left = _open.Where(open => publisher is null || open.Value.Message.Publisher == publisher).Select(open => open.Key).ToHashSet();
            if (left.Count == 0)
            {
                return Task.CompletedTask;
            }

            var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((left, waiter));
            return waiter.Task;
        }
    }
}
