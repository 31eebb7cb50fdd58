namespace Chariot.Abstractions.Configuration;

/// <summary>
/// This silo's right to act on the configuration that it knows. Renewed about once a second by whoever learns that it is still the
/// committed one; when it has run out nothing is served until it is renewed, so that a change need not wait for a silo that hangs or is cut off
/// longer than <see cref="Duration"/>. Held for ever where one process is the whole cluster. Safe from any thread.
/// </summary>
public sealed class ConfigurationLease
{
    /// <summary>From the moment a silo asked. 3 s.</summary>
    public static readonly TimeSpan Duration = TimeSpan.FromSeconds(3);

    private TaskCompletionSource _renewed = NewRenewal();
    private long _until;

    /// <param name="options">Without <see cref="ConfigurationLeaseOptions.Required"/> it is held for ever.</param>
    public ConfigurationLease(ConfigurationLeaseOptions options) => _until = options.Required ? 0 : long.MaxValue;

    /// <summary>One compare with the monotonic clock: asked before each read batch.</summary>
    public bool IsHeld => Environment.TickCount64 < Volatile.Read(ref _until);

    /// <summary>Renews for <paramref name="remaining"/> from now; never shortens.</summary>
    public void Extend(TimeSpan remaining)
    {
        var until = Environment.TickCount64 + (long)remaining.TotalMilliseconds;
        var held = Volatile.Read(ref _until);
        while (until > held)
        {
            var seen = Interlocked.CompareExchange(ref _until, until, held);
            if (seen == held)
            {
                Interlocked.Exchange(ref _renewed, NewRenewal()).TrySetResult();
                return;
            }

            held = seen;
        }
    }

    /// <summary>Completes when it is held.</summary>
    public ValueTask WaitAsync() => IsHeld ? ValueTask.CompletedTask : new ValueTask(WhenRenewedAsync());

    private async Task WhenRenewedAsync()
    {
        while (true)
        {
            // Taken before the compare: a renewal in between completes it.
            var renewed = Volatile.Read(ref _renewed).Task;
            if (IsHeld)
            {
                return;
            }

            await renewed;
        }
    }

    private static TaskCompletionSource NewRenewal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <param name="Required">Several processes share the configuration.</param>
public sealed record ConfigurationLeaseOptions(bool Required);
