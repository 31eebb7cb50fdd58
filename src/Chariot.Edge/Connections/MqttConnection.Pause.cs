using System.Diagnostics;
using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Codec;
using Chariot.Edge.Limiting;

namespace Chariot.Edge.Connections;

/// <summary>When the client is not read from for a while: its own unsettled messages, its rate, or the node's want of memory.</summary>
internal sealed partial class MqttConnection
{
    /// <summary>Unsettled QoS 1/2 publishes of a 3.1.1 client, which knows no Receive Maximum, at which reading pauses.</summary>
    private const int PauseAt = 1024;

    private int _unsettled;
    private long _published;
    private TaskCompletionSource? _resume;
    private TaskCompletionSource? _held;
    private InboundRate? _rate;

    /// <summary>Not read from, for want of memory.</summary>
    public bool IsHeld => Volatile.Read(ref _held) is not null;

    /// <summary>What <see cref="BytesReceived"/> was at the last look for the largest senders.</summary>
    public long BytesAtLastLook { get; set; }

    /// <summary>A QoS 1/2 PUBLISH has been taken; it counts until it is settled.</summary>
    public int PublishTaken() => Interlocked.Increment(ref _unsettled);

    public void PublishSettled()
    {
        if (Interlocked.Decrement(ref _unsettled) < PauseAt / 2)
        {
            Interlocked.Exchange(ref _resume, null)?.TrySetResult();
        }
    }

    /// <summary>Stops reading after what is being read.</summary>
    public void HoldReading()
    {
        if (Interlocked.CompareExchange(ref _held, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null) is null && Volatile.Read(ref _closing) != 0)
        {
            ResumeReading();
        }
    }

    public void ResumeReading()
    {
        if (Interlocked.Exchange(ref _held, null) is { } held)
        {
            // It could not show that it lives.
            LastReceived = Environment.TickCount64;
            held.TrySetResult();
        }
    }

    /// <summary>Asked once for each read; false when the connection has been closed meanwhile.</summary>
    private ValueTask<bool> MayReadOnAsync(int received)
    {
        var limits = _dispatcher.Limits;
        // A 5.0 client is bounded by Receive Maximum; its PUBRELs must be read.
        var settled = _unsettled < PauseAt || Version == ProtocolVersion.V500;
        return settled && !IsHeld && (limits.MaximumMessageRate | limits.MaximumByteRate) == 0 ? new(true) : new(WaitToReadOnAsync(received, limits));
    }

    private async Task<bool> WaitToReadOnAsync(int received, MqttLimits limits)
    {
        if ((limits.MaximumMessageRate | limits.MaximumByteRate) != 0)
        {
            _rate ??= new InboundRate();
            var wait = _rate.Take(_published, received, limits, Stopwatch.GetTimestamp(), Stopwatch.Frequency, out var exceeded);
            _published = 0;
            if (exceeded)
            {
                _metrics.CountReached(LimitKind.MessageRateExceeded);
                Close(ReasonCode.MessageRateTooHigh);
                return false;
            }

            if (wait > TimeSpan.Zero)
            {
                _metrics.CountReached(LimitKind.MessageRate);
                await Task.Delay(wait);
            }
        }

        if (_unsettled >= PauseAt && Version != ProtocolVersion.V500)
        {
            await WhenSettledAsync();
        }

        while (Volatile.Read(ref _held) is { } held && Volatile.Read(ref _closing) == 0)
        {
            await held.Task;
        }

        return true;
    }

    private Task WhenSettledAsync()
    {
        var resume = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _resume, resume);
        if (Volatile.Read(ref _unsettled) < PauseAt || Volatile.Read(ref _closing) != 0)
        {
            resume.TrySetResult();
        }

        return resume.Task;
    }
}
