using Chariot.Abstractions;
using Chariot.Edge.Connections;

namespace Chariot.Edge.Sessions;

/// <summary>
/// A QoS 1 PUBLISH that has not been acknowledged to its publisher: counts what it waits for, every durable target and the
/// store (architecture, "acknowledge or persist"). The publisher that went away meanwhile is simply not told; it will
/// publish again.
/// </summary>
internal sealed class PublishTicket(ClientSession publisher, MqttConnection connection, ushort packetId)
{
    private int _waiting = 1;
    private int _reason;

    public void Add() => Interlocked.Increment(ref _waiting);

    /// <summary>The store or a budget refused a target: the publisher is told instead of being acknowledged.</summary>
    public void Fail(ReasonCode reason) => Interlocked.CompareExchange(ref _reason, (int)reason, 0);

    public void Complete(FlushBatch batch)
    {
        if (Interlocked.Decrement(ref _waiting) == 0)
        {
            publisher.CompletePublish(connection, packetId, (ReasonCode)_reason, batch);
        }
    }
}
