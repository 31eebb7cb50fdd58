using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>Two clients with one id on different silos, each coming back whenever it has been thrown out.</summary>
public partial class FightDrill
{
    private readonly Lock _gate = new();
    private readonly List<(long Newer, string What)> _suspicions = [];
    private readonly HashSet<long> _answered = [];
    private long _tenure;
    private int _takeovers;
    private int _heldOff;

    [Theory]
    [InlineData("postgres")]
    [InlineData("azurite")]
    public async Task TwoClientsWithOneId_AreNeverConnectedAtOnce_AndTheNewcomerHasToWait(string store)
    {
        var seconds = Drill.Pick(6.0, 60);
        await using var cluster = await DrillCluster.StartAsync(store, 2);
        await using var watcher = await RawMqttClient.ConnectAsync(cluster.Port(0), new ConnectPacket { ClientId = "watcher" });
        await watcher.SubscribeAsync("fight/#", 1);
        await using var others = await LatencyProbe.StartAsync(cluster.Port(0), cluster.Port(1), messagesPerSecond: 50);
        await others.MeasureAsync(TimeSpan.FromSeconds(Drill.Pick(1, 5)));
        var quiet = await others.MeasureAsync(TimeSpan.FromSeconds(Drill.Pick(2, 20)));
        var before = cluster.Nodes.Select(node => ProcessUsage.CpuSeconds(node.Pid)).ToArray();
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var watching = WatchAsync(watcher);
        var started = Stopwatch.GetTimestamp();

        var measuring = others.MeasureAsync(TimeSpan.FromSeconds(seconds));
        await Task.WhenAll(FightAsync(cluster.Port(0), over.Token), FightAsync(cluster.Port(1), over.Token));

        var beside = await measuring;
        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        await using var last = await RawMqttClient.ConnectAsync(cluster.Port(1), new ConnectPacket { ClientId = "last" });
        await last.PublishAsync("fight/over", "", 1);
        await watching;
        var violations = Violations();
        var cpu = cluster.Nodes.Select((node, i) => (ProcessUsage.CpuSeconds(node.Pid) - before[i]) / elapsed).ToArray();
        var alarm = cluster.Lines("Two clients fight over client id");
        Drill.Report(FormattableString.Invariant(
            $"two clients, one id ({store}): {elapsed:0} s, {_takeovers + _heldOff} attempts ({(_takeovers + _heldOff) / elapsed:0}/s), {_takeovers} connected, {_heldOff} held off, heard of one that had lost its place {violations.Count}, CPU of the silos {100 * cpu[0]:0} % and {100 * cpu[1]:0} % of a core; others, QoS 1 from silo to silo: before {quiet}, meanwhile {beside}; alarm: {alarm.Split('\n')[^1]}"));
        Assert.Empty(violations);
        Assert.True(_heldOff > 0, "nobody had to wait");
        Assert.InRange(_takeovers, 2, 12 + (int)(elapsed / 2));
        var named = Both().Match(alarm);
        Assert.True(named.Success && IPEndPoint.TryParse(named.Groups[1].Value, out _) && IPEndPoint.TryParse(named.Groups[2].Value, out _) && named.Groups[1].Value != named.Groups[2].Value, alarm);
        if (Drill.IsLong)
        {
            Assert.All(cpu, share => Assert.InRange(share, 0, 0.75));
            Assert.True(beside.P99 < quiet.P99 * 3 + TimeSpan.FromMilliseconds(20), $"p99 of others: {quiet}, then {beside}");
        }
    }

    /// <summary>
    /// Of two that have read their CONNACK, one has the id: only one of them may be served with what it sends from then on. Which one is not
    /// for this process to know: it may read the two CONNACKs the other way round.
    /// </summary>
    private async Task FightAsync(int port, CancellationToken over)
    {
        // While one has the id, the other one asks a hundred times a second.
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (await pace.WaitForNextTickAsync(CancellationToken.None) && !over.IsCancellationRequested)
        {
            var (client, answer) = await RawMqttClient.TryConnectAsync(port, new ConnectPacket { ClientId = "contested", KeepAlive = 0 });
            await using (client)
            {
                if (answer is not { Type: PacketType.ConnAck, Reason: 0 })
                {
                    Interlocked.Increment(ref _heldOff);
                    continue;
                }

                long tenure;
                lock (_gate)
                {
                    tenure = ++_tenure;
                    _takeovers++;
                }

                await HoldAsync(client, tenure, over);
            }
        }
    }

    private async Task HoldAsync(RawMqttClient client, long tenure, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            long newest;
            lock (_gate)
            {
                newest = _tenure;
            }

            try
            {
                var id = client.NextPacketId();
                await client.SendAsync(Packets.Publish(client.Version, "fight/held", $"{tenure} {newest}", 1, id));
                var answer = await client.ReadAsync();
                if (answer is null or { Type: PacketType.Disconnect })
                {
                    return;
                }

                Served(tenure, newest, $"answered by {answer}");

                await Task.Delay(5, CancellationToken.None);
            }
            catch (IOException)
            {
                // Thrown out.
                return;
            }
        }
    }

    private async Task WatchAsync(RawMqttClient watcher)
    {
        while (true)
        {
            var message = await watcher.ReadPublishAsync(TimeSpan.FromMinutes(3));
            switch (message.Topic)
            {
                case "fight/over":
                    return;
                default:
                    var tenures = message.PayloadText.Split(' ').Select(long.Parse).ToArray();
                    Served(tenures[0], tenures[1], "delivered");
                    break;
            }
        }
    }

    /// <param name="newest">The tenure that had begun last when the message was sent.</param>
    private void Served(long tenure, long newest, string how)
    {
        lock (_gate)
        {
            if (tenure == newest)
            {
                _answered.Add(tenure);
            }
            else
            {
                _suspicions.Add((newest, $"tenure {tenure} was served ({how}) after {newest} had begun, and so was {newest}"));
            }
        }
    }

    private List<string> Violations()
    {
        lock (_gate)
        {
            return [.. _suspicions.Where(suspicion => _answered.Contains(suspicion.Newer)).Select(suspicion => suspicion.What)];
        }
    }

    [GeneratedRegex(@": (\S+) keeps the connection, (\S+) has to wait")]
    private static partial Regex Both();
}
