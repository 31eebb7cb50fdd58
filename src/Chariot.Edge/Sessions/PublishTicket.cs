using Chariot.Abstractions;
using Chariot.Edge.Connections;

namespace Chariot.Edge.Sessions;

/// <summary>
/// A QoS 1 or 2 PUBLISH that has not been acknowledged to its publisher: counts what it waits for, every durable target, the store
/// and every other silo (architecture, "acknowledge or persist").
/// </summary>
internal abstract class PublishTicket
{
    /// <summary>
    /// Neither stored nor refused: a target belongs to another silo by now. A refusal would be final for the client [MQTT-4.4.0-1], so it
    /// gets no answer: its connection is closed, and it publishes it again. Between silos nothing else has this code.
    /// </summary>
    public const ReasonCode NotTaken = ReasonCode.ImplementationSpecificError;

    private int _waiting = 1;
    private int _reason;

    public void Add() => Interlocked.Increment(ref _waiting);

    /// <summary>The store or a budget refused a target: the publisher is told instead of being acknowledged, or with <see cref="NotTaken"/> cut off.</summary>
    public void Fail(ReasonCode reason) => Interlocked.CompareExchange(ref _reason, (int)reason, 0);

    public void Complete(FlushBatch batch)
    {
        if (Interlocked.Decrement(ref _waiting) == 0)
        {
            Settle((ReasonCode)_reason, batch);
        }
    }

    /// <summary>Nothing is waited for any more. May be called under a session's gate.</summary>
    protected abstract void Settle(ReasonCode reason, FlushBatch batch);
}

/// <summary>
/// A QoS 1 PUBLISH of a client here. The publisher that went away meanwhile is simply not told; it will publish again.
/// </summary>
internal sealed class ClientPublishTicket(ClientSession publisher, MqttConnection connection, ushort packetId) : PublishTicket
{
    protected override void Settle(ReasonCode reason, FlushBatch batch) => publisher.CompletePublish(connection, packetId, reason, batch);
}

/// <summary>A change of the broker's own that waits for other silos.</summary>
internal sealed class TaskTicket : PublishTicket
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Completion => _done.Task;

    protected override void Settle(ReasonCode reason, FlushBatch batch) => _done.TrySetResult();
}
