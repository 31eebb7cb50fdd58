using Chariot.Edge.Limiting;

namespace Chariot.Edge.Sessions;

/// <summary>Room in the queue, for a replay of retained messages that takes care not to fill it.</summary>
internal sealed partial class ClientSession
{
    /// <summary>Deliveries that may wait before a replay holds back.</summary>
    private const int ReplayBacklog = 64;

    // Behind a backlog that never ends a replay goes on at this pace.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private TaskCompletionSource? _room;

    public bool HasRoom => Volatile.Read(ref _waitingCount) < ReplayBacklog && Volatile.Read(ref _waitingBytes) < Services.Limits.MaximumQueuedBytes / 2;

    /// <summary>Completes when little waits for the client, when it is gone, or after 10 s.</summary>
    public Task WhenHasRoomAsync()
    {
        Task room;
        lock (Gate)
        {
            if (HasRoom || Ended || _connection is null)
            {
                return Task.CompletedTask;
            }

            room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        return Task.WhenAny(room, Task.Delay(LongestWait, Services.Time));
    }

    /// <summary>
    /// Whether this much more would go over what may wait for this session, or for all. What its client takes at once does not wait, and so is
    /// not refused for the others' sake.
    /// </summary>
    private bool IsOverBudget(int size)
    {
        if (Services.DurableQuota.Refuses && !CanSend)
        {
            Services.Metrics.CountReached(LimitKind.DurableBytes);
            return true;
        }

        return Volatile.Read(ref _waitingBytes) + size > Services.Limits.MaximumDurableQueueBytes;
    }

    /// <summary>Bytes that wait, in memory or stored.</summary>
    public long WaitingBytes => Volatile.Read(ref _waitingBytes);

    private void TellOfRoom()
    {
        if (_room is { } room && (HasRoom || Ended || _connection is null))
        {
            _room = null;
            room.SetResult();
        }
    }
}
