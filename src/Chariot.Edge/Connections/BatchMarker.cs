namespace Chariot.Edge.Connections;

/// <summary>
/// Tells whether somebody is in the middle of a batch of work that began under an older configuration. Odd while in a batch.
/// One per connection's read loop, one for the store's callbacks.
/// </summary>
internal sealed class BatchMarker
{
    private long _number;

    /// <summary>A full fence: what the batch reads after it is at least as new as what a change published before it looked.</summary>
    public void Enter() => Interlocked.Increment(ref _number);

    public void Leave() => Volatile.Write(ref _number, _number + 1);

    /// <summary>Waits until a batch that is under way now has ended; at once when there is none.</summary>
    public void WaitForBatch()
    {
        var seen = Interlocked.Read(ref _number);
        if ((seen & 1) == 0)
        {
            return;
        }

        var spinner = new SpinWait();
        while (Interlocked.Read(ref _number) == seen)
        {
            spinner.SpinOnce();
        }
    }
}
