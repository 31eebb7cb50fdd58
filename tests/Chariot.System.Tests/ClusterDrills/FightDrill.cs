using System.Diagnostics;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>Two clients with one id on different silos, each coming back whenever it has been thrown out.</summary>
public class FightDrill
{
    private readonly Lock _gate = new();
    private readonly List<string> _violations = [];
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
        var before = cluster.Nodes.Select(node => ProcessUsage.CpuSeconds(node.Pid)).ToArray();
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var watching = WatchAsync(watcher);
        var started = Stopwatch.GetTimestamp();

        await Task.WhenAll(FightAsync(cluster.Port(0), over.Token), FightAsync(cluster.Port(1), over.Token));

        var elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        await using var last = await RawMqttClient.ConnectAsync(cluster.Port(1), new ConnectPacket { ClientId = "last" });
        await last.PublishAsync("fight/over", "", 1);
        await watching;
        var cpu = cluster.Nodes.Select((node, i) => (ProcessUsage.CpuSeconds(node.Pid) - before[i]) / elapsed).ToArray();
        var alarm = cluster.Lines("Two clients fight over client id");
        Drill.Report(FormattableString.Invariant(
            $"two clients, one id ({store}): {elapsed:0} s, {_takeovers + _heldOff} attempts, {_takeovers} connected, {_heldOff} held off, heard of one that had lost its place {_violations.Count}, CPU of the silos {cpu[0]:P0} and {cpu[1]:P0}"));
        Assert.Empty(_violations);
        Assert.True(_heldOff > 0, "nobody had to wait");
        Assert.InRange(_takeovers, 2, 12 + (int)(elapsed / 2));
        Assert.Contains("127.0.0.1", alarm, StringComparison.Ordinal);
    }

    /// <summary>Who has read its CONNACK last has the id: nothing that the other sends from then on may be acknowledged or delivered.</summary>
    private async Task FightAsync(int port, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            var (client, answer) = await RawMqttClient.TryConnectAsync(port, new ConnectPacket { ClientId = "contested", KeepAlive = 0 });
            await using (client)
            {
                if (answer is not { Type: PacketType.ConnAck, Reason: 0 })
                {
                    Interlocked.Increment(ref _heldOff);
                    await Task.Delay(10, CancellationToken.None);
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
            bool lost;
            lock (_gate)
            {
                lost = _tenure != tenure;
            }

            try
            {
                var id = client.NextPacketId();
                await client.SendAsync(Packets.Publish(client.Version, "fight/" + (lost ? "lost" : "held"), $"{tenure}", 1, id));
                var answer = await client.ReadAsync();
                if (answer is null or { Type: PacketType.Disconnect })
                {
                    return;
                }

                if (lost)
                {
                    Violate($"tenure {tenure} was answered by {answer} when it was over");
                }

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
                case "fight/lost":
                    Violate($"a message of tenure {message.PayloadText} was delivered, sent when it was over");
                    break;
            }
        }
    }

    private void Violate(string what)
    {
        lock (_gate)
        {
            _violations.Add(what);
        }
    }
}
