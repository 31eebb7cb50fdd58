using Chariot.Abstractions;
using Chariot.Abstractions.Configuration;
using Chariot.Edge.Diagnostics;

namespace Chariot.Edge.Connections;

/// <summary>
/// Sends the clients of an edge that goes away elsewhere, a slice at a time, while it still serves the others and still hands sessions
/// over: all at once they would meet the remaining silos as one storm of connects and takeovers. A slice is so large that
/// the last one leaves within <see cref="Time"/>, and at least <see cref="SmallestSlice"/>.
/// </summary>
internal sealed class ConnectionDrain(ConnectionRegistry connections, IConfigurationFeed feed, TimeProvider clock, EdgeLog log)
{
    public const int SmallestSlice = 25;

    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>From the first slice to the last; with the rest of a stop it stays below 30 s.</summary>
    public static readonly TimeSpan Time = TimeSpan.FromSeconds(15);

    private static readonly int Slices = (int)(Time / Interval);

    /// <summary>Returns when every client has been told to go, which its connection may outlive for a moment.</summary>
    /// <param name="inSlices">False where there is nowhere else to go: then all at once.</param>
    public async Task RunAsync(bool inSlices)
    {
        var total = connections.Count;
        var slice = inSlices ? SliceOf(total) : int.MaxValue;
        log.Draining(total, Math.Min(slice, total));
        // Whoever was in the middle of CONNECT when the listeners closed is found by a later look.
        while (Tell(slice) == slice)
        {
            await Task.Delay(Interval, clock);
        }
    }

    public static int SliceOf(int clients) => Math.Max(SmallestSlice, (clients + Slices - 1) / Slices);

    /// <summary>Returns how many clients have been told.</summary>
    private int Tell(int count)
    {
        // 5.0 clients can be told where to go instead (section 4.13).
        var elsewhere = feed.Current.Mqtt.ServerReference;
        var told = 0;
        foreach (var connection in connections.All.Where(connection => connection.ClosingSince == 0).Take(count))
        {
            connection.Close(elsewhere is null ? ReasonCode.ServerShuttingDown : ReasonCode.UseAnotherServer, elsewhere);
            told++;
        }

        return told;
    }
}
