namespace Chariot.Edge.Tests.Kit;

/// <summary>Runs tasks on the test's own thread, when it says so and in an order that the seed decides: every run of a seed is the same.</summary>
internal sealed class SeededScheduler(int seed) : TaskScheduler
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly Random _random = new(seed);
    private readonly List<Task> _ready = [];

    public int Ready => _ready.Count;

    public Task Start(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Runs up to <paramref name="count"/> of what is ready, each to its next wait.</summary>
    public void Run(int count = int.MaxValue)
    {
        // The test framework's own would be gone on with instead.
        var around = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            for (; count > 0 && _ready.Count > 0; count--)
            {
                var index = _random.Next(_ready.Count);
                var next = _ready[index];
                _ready.RemoveAt(index);
                TryExecuteTask(next);
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(around);
        }
    }

    protected override void QueueTask(Task task)
    {
        // From another thread it would come at another moment each time.
        if (Environment.CurrentManagedThreadId != _thread)
        {
            throw new InvalidOperationException("Something went on outside of the scheduler.");
        }

        _ready.Add(task);
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => _ready;
}
