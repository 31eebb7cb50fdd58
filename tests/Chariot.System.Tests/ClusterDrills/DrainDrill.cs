using System.Diagnostics;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>A silo that is told to stop sends its clients elsewhere in slices, while it still serves those that it has not told yet.</summary>
public class DrainDrill
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task TheClientsOfADrainingSilo_LeaveInSlices_AndFindTheirSessionsElsewhere()
    {
        var count = Drill.Pick(500, 5000);
        await using var cluster = await DrillCluster.StartAsync("postgres", 2);
        var clients = new RawMqttClient[count];
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) => clients[i] = await RawMqttClient.ConnectAsync(cluster.Port(0), Packet(i)));

        var started = Stopwatch.GetTimestamp();
        var gone = clients.Select((client, i) => LeaveAsync(cluster, client, i, started)).ToArray();
        var code = await cluster[0].StopAsync();
        var took = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var departures = (await Task.WhenAll(gone)).OrderBy(departure => departure.Left).ToArray();

        var together = Enumerable.Range(0, count).Max(i => departures.Skip(i).TakeWhile(departure => departure.Left - departures[i].Left < TimeSpan.FromSeconds(0.5)).Count());
        var spread = (departures[^1].Left - departures[0].Left).TotalSeconds;
        Drill.Report(FormattableString.Invariant(
            $"drain of a silo with {count} clients: stopped after {took:0.0} s with code {code}; clients left over {spread:0.0} s, at most {together} within half a second; told by DISCONNECT {departures.Count(departure => departure.Told)}; back on the other silo after {departures.Max(departure => departure.Away.TotalSeconds):0.0} s at most"));
        Assert.Equal(0, code);
        Assert.True(took < 30, $"the stop took {took:0.0} s");
        Assert.True(spread > 1 && together < count / 2, $"{together} of {count} clients left within half a second, all within {spread:0.0} s");
        // 3.1.1 has no DISCONNECT from the server.
        Assert.Equal(count / 2, departures.Count(departure => departure.Told));
    }

    private static ConnectPacket Packet(int i) => new()
    {
        ClientId = $"drained{i}", KeepAlive = 0, Clean = false, Version = i % 2 == 0 ? MqttVersion.V500 : MqttVersion.V311, SessionExpiry = i % 2 == 0 ? 300u : null,
    };

    /// <summary>Waits for the end of the connection, then goes on with the session on the other silo.</summary>
    private static async Task<Departure> LeaveAsync(DrillCluster cluster, RawMqttClient client, int i, long started)
    {
        var last = await client.ReadToCloseAsync(Long);
        var left = Stopwatch.GetElapsedTime(started);
        if (last is { Type: PacketType.Disconnect })
        {
            Assert.Equal(0x8B, last.Reason);
        }

        await client.DisposeAsync();
        var at = Stopwatch.GetTimestamp();
        await using var again = await PatientClient.ConnectAsync(cluster.Port(1), Packet(i));
        Assert.True(again.ConnAck!.SessionPresent, $"the session of client {i} is gone");
        return new Departure(left, Stopwatch.GetElapsedTime(at), last is { Type: PacketType.Disconnect });
    }

    private sealed record Departure(TimeSpan Left, TimeSpan Away, bool Told);
}
