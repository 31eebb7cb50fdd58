using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Journals;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Durability;

/// <summary>
/// kill -9 of the broker's process in the middle of QoS 1 and QoS 2 traffic to one connected and one offline durable
/// subscriber. What was acknowledged must arrive; QoS 2 exactly once; order kept.
/// </summary>
public class KillDrill
{
    private const string Password = "a-long-password";
    private const string Connected = "connected";
    private const string Offline = "offline";

    [Fact]
    public async Task Kill_InTheMiddleOfTraffic_LosesNothingAcknowledged()
    {
        var messages = Drill.Pick(3_000, 10_000);
        var kills = Drill.Pick(3, 50);
        var random = new Random(Drill.Seed);
        await using var broker = await BrokerProcess.StartAsync();
        await broker.Admin.CreateCredentialAsync("drill", Password, ["#"], ["#"]);
        var journal = new Journal();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(Drill.Pick(3, 30)));
        (string, int)[] filters = [("drill/qos1", 1), ("drill/qos2", 2)];

        var absent = new DurableSubscriber(Client(broker, Offline), journal, filters);
        await absent.SubscribeAndLeaveAsync(limit.Token);
        using var stopReceiving = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        var present = new DurableSubscriber(Client(broker, Connected), journal, filters);
        var subscribed = new TaskCompletionSource();
        var receiving = present.RunAsync(stopReceiving.Token, subscribed);
        await subscribed.Task.WaitAsync(limit.Token);

        string[] publisherIds = ["publisher1", "publisher2"];
        var publishers = publisherIds.Select((id, i) => new DurablePublisher(Client(broker, id), journal, $"drill/qos{i + 1}", i + 1, messages)).ToList();
        var publishing = Task.WhenAll(publishers.Select(publisher => publisher.RunAsync(limit.Token)));

        var slowestStart = TimeSpan.Zero;
        for (var kill = 1; kill <= kills; kill++)
        {
            // Spread by the progress of the publisher that is furthest and not done, so that each kill meets one that is under way however
            // fast the other was; then off by random milliseconds, so that it falls before or after some PUBACK, PUBREC or PUBCOMP.
            var threshold = (long)(messages * (kill - random.NextDouble()) / (kills + 1));
            await Eventually.TrueAsync(() => publishing.IsCompleted || Furthest() >= threshold, $"{threshold} acknowledged", 60);
            await Task.Delay(random.Next(0, 15));
            if (publishing.IsFaulted || receiving.IsFaulted)
            {
                break;
            }

            await broker.Kill9Async();
            var started = Stopwatch.GetTimestamp();
            await broker.StartAgainAsync();
            var took = Stopwatch.GetElapsedTime(started);
            slowestStart = took > slowestStart ? took : slowestStart;
        }

        await publishing;

        // Drain: the connected one catches up, the offline one comes back.
        var returning = absent.RunAsync(stopReceiving.Token);
        try
        {
            await Eventually.TrueAsync(
                () => receiving.IsFaulted || returning.IsFaulted || (journal.CountDelivered(Connected) >= 2L * messages && journal.CountDelivered(Offline) >= 2L * messages),
                "all delivered", 60);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"drained for 60 s: {JournalChecker.Check(journal.Entries, Connected, Offline)}");
        }

        // Nothing may come behind the last one either.
        await QuietAsync(journal);
        await stopReceiving.CancelAsync();
        await Task.WhenAll(receiving, returning);

        var report = JournalChecker.Check(journal.Entries, Connected, Offline);
        Drill.Report(
            $"kill -9: {kills} kills, seed {Drill.Seed}, {report}; publishers resent {publishers.Sum(publisher => publisher.PacketsResent)} packets over "
            + $"{publishers.Sum(publisher => publisher.Connections)} connections, slowest restart {slowestStart.TotalSeconds:0.0} s");
        Assert.True(report.IsClean, report.ToString());
        Assert.Equal(2L * messages, report.Acknowledged);
        Assert.All(publishers, publisher => Assert.True(publisher.Connections > 1, "no kill met this publisher"));

        long Furthest() => publisherIds.Select(journal.CountAcknowledged).Where(count => count < messages).DefaultIfEmpty(messages).Max();
    }

    [Fact]
    public async Task Kill_BeforeAnOfflineSubscriberReturns_KeepsItsQueue()
    {
        var messages = Drill.Pick(200, 10_000);
        await using var broker = await BrokerProcess.StartAsync();
        await broker.Admin.CreateCredentialAsync("drill", Password, ["#"], ["#"]);
        var journal = new Journal();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var absent = new DurableSubscriber(Client(broker, Offline), journal, ("drill/qos2", 2));
        await absent.SubscribeAndLeaveAsync(limit.Token);
        await new DurablePublisher(Client(broker, "publisher"), journal, "drill/qos2", 2, messages).RunAsync(limit.Token);

        await broker.Kill9Async();
        await broker.StartAgainAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        var returning = absent.RunAsync(stop.Token);
        await Eventually.TrueAsync(() => returning.IsFaulted || journal.CountDelivered(Offline) >= messages, "the queue", 60);
        await QuietAsync(journal);
        await stop.CancelAsync();
        await returning;

        var report = JournalChecker.Check(journal.Entries, Offline);
        Assert.True(report.IsClean, report.ToString());
        Assert.Equal(messages, report.Delivered);
    }

    private static DurableClientOptions Client(BrokerProcess broker, string id) =>
        new(broker.Ports.Mqtt, id) { Username = "drill", Password = Password, Version = MqttVersion.V500 };

    /// <summary>Until no new line has been written to the journal for half a second.</summary>
    private static async Task QuietAsync(Journal journal)
    {
        var count = -1;
        var since = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(
            () =>
            {
                var now = journal.Entries.Count;
                if (now != count)
                {
                    count = now;
                    since = Stopwatch.GetTimestamp();
                }

                return Stopwatch.GetElapsedTime(since).TotalSeconds > 0.5;
            },
            "quiet");
    }
}
