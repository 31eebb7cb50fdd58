using System.Diagnostics;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Journals;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Durability;

/// <summary>
/// kill -9 at random points under everything at once: QoS 0, 1 and 2, durable sessions connected and away, a shared subscription, and
/// retained values. What was acknowledged arrives, QoS 2 exactly once, in a shared subscription with one member; a retained value
/// is never older than the last one acknowledged.
/// </summary>
public class MixedKillDrill
{
    private const string Password = "a-long-password";
    private const string Connected = "connected";
    private const string Offline = "offline";
    private const string Group = "group";

    private static readonly string[] Members = ["member1", "member2"];

    [Fact]
    [Normative("3:3.1.2-5", "3:3.1.2-7", "3:4.3.3-2", "3:4.4.0-1", "5:4.3.3-10", "5:4.4.0-1", "5:4.5.0-1", "3:4.5.0-1")]
    public async Task Kill_UnderMixedTraffic_LosesNothingAcknowledged()
    {
        var messages = Drill.Pick(300, 12_000);
        var kills = Drill.Pick(5, 200);
        var random = new Random(Drill.Seed);
        await using var broker = await BrokerProcess.StartAsync();
        await broker.Admin.CreateCredentialAsync("drill", Password, ["#"], ["#"]);
        var journal = new Journal();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(Drill.Pick(5, 60)));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
        (string, int)[] filters = [("drill/qos1", 1), ("drill/qos2", 2), ("drill/qos0", 0)];

        var absent = new DurableSubscriber(Client(broker, Offline), journal, filters[..2]);
        await absent.SubscribeAndLeaveAsync(limit.Token);
        var receiving = new List<Task>();
        var present = new DurableSubscriber(Client(broker, Connected), journal, filters);
        await StartAsync(present);
        foreach (var member in Members)
        {
            await StartAsync(new DurableSubscriber(Client(broker, member), journal, ("$share/g/drill/shared1", 1), ("$share/g/drill/shared2", 2)));
        }

        var publishers = new[]
        {
            new DurablePublisher(Client(broker, "publisher1"), journal, "drill/qos1", 1, messages),
            new DurablePublisher(Client(broker, "publisher2"), journal, "drill/qos2", 2, messages),
            new DurablePublisher(Client(broker, "publisher3"), journal, "drill/shared1", 1, messages),
            new DurablePublisher(Client(broker, "publisher4"), journal, "drill/shared2", 2, messages),
        };
        var publishing = Task.WhenAll(publishers.Select(publisher => publisher.RunAsync(limit.Token)));
        var values = new RetainedValues(Client(broker, "values"), "drill/value");
        var writing = values.WriteAsync(stop.Token);
        var chatting = ChatAsync(Client(broker, "chatter"), journal, stop.Token);

        var slowestStart = TimeSpan.Zero;
        var met = 0;
        for (var kill = 1; kill <= kills; kill++)
        {
            // Spread over the run by progress, then off by random milliseconds: each falls somewhere else between PUBLISH and PUBCOMP.
            var threshold = (long)(4.0 * messages * (kill - random.NextDouble()) / (kills + 1));
            await Eventually.TrueAsync(() => Broken() || publishing.IsCompleted || journal.CountAcknowledged() >= threshold, $"{threshold} acknowledged", 120);
            await Task.Delay(random.Next(0, 15));
            if (Broken())
            {
                break;
            }

            met += publishing.IsCompleted ? 0 : 1;
            await broker.Kill9Async();
            var started = Stopwatch.GetTimestamp();
            await broker.StartAgainAsync();
            slowestStart = Max(slowestStart, Stopwatch.GetElapsedTime(started));
            // What was acknowledged up to here must be there, whatever is written meanwhile.
            await values.CheckAsync(limit.Token);
        }

        await publishing;
        receiving.Add(absent.RunAsync(stop.Token));
        await Eventually.TrueAsync(
            async () =>
            {
                await Task.Delay(500);
                return Broken() || (Individual(journal).Lost.Count == 0 && Shared(journal).Lost.Count == 0);
            },
            "all delivered", 120);

        // Nothing may come behind the last one either.
        await QuietAsync(journal);
        await values.CheckAsync(limit.Token);
        await stop.CancelAsync();
        await Task.WhenAll([.. receiving, writing, chatting]);

        var individual = Individual(journal);
        var shared = Shared(journal);
        Drill.Report(
            $"mixed kill -9: {kills} kills, {met} of them during traffic, seed {Drill.Seed}; {individual}; shared: lost {shared.Lost.Count}, QoS 2 duplicates {shared.Duplicated.Count}, "
            + $"QoS 1 repeats {shared.Repeated}; retained: {values.Checks} checks of {values.Acknowledged} acknowledged values, {values.Stale.Count} stale; slowest restart {slowestStart.TotalSeconds:0.0} s");
        Assert.True(individual.IsClean, individual.ToString());
        Assert.True(shared.Lost.Count + shared.Duplicated.Count + shared.Invented.Count == 0, shared.ToString());
        Assert.Empty(values.Stale);
        Assert.True(values.Acknowledged > 0 && values.Checks > kills);

        bool Broken() => publishing.IsFaulted || writing.IsFaulted || chatting.IsFaulted || receiving.Any(task => task.IsFaulted);

        async Task StartAsync(DurableSubscriber subscriber)
        {
            var subscribed = new TaskCompletionSource();
            receiving.Add(subscriber.RunAsync(stop.Token, subscribed));
            await subscribed.Task.WaitAsync(limit.Token);
        }
    }

    /// <summary>The two that each get everything on the topics of their own.</summary>
    private static JournalReport Individual(Journal journal) =>
        JournalChecker.Check([.. journal.Entries.Where(entry => entry.Topic is "drill/qos1" or "drill/qos2")], Connected, Offline);

    /// <summary>The members as one subscriber. Their common order says nothing.</summary>
    private static JournalReport Shared(Journal journal) =>
        JournalChecker.Check(
            [.. journal.Entries.Where(entry => entry.Topic is "drill/shared1" or "drill/shared2").Select(entry => Members.Contains(entry.Subscriber) ? entry with { Subscriber = Group } : entry)],
            Group);

    /// <summary>QoS 0 beside all this: it may be lost, but must not disturb the rest.</summary>
    private static async Task ChatAsync(DurableClientOptions options, Journal journal, CancellationToken cancellation)
    {
        var number = 0L;
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await using var client = await RawMqttClient.ConnectAsync(options.Port, new ConnectPacket { ClientId = options.ClientId, Username = options.Username, Password = options.Password });
                while (!cancellation.IsCancellationRequested)
                {
                    journal.Published(options.ClientId, "drill/qos0", 0, number);
                    await client.PublishAsync("drill/qos0", DurablePublisher.Payload(options.ClientId, number++));
                    await Task.Delay(5, cancellation);
                }
            }
            catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException or MqttTestException or TimeoutException or OperationCanceledException)
            {
                // Killed, or down, or the end of the drill: the loop's condition tells which.
                await Task.Delay(50, CancellationToken.None);
            }
        }
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static DurableClientOptions Client(BrokerProcess broker, string id) =>
        new(broker.Ports.Mqtt, id) { Username = "drill", Password = Password, Version = MqttVersion.V500 };

    /// <summary>Until a second has passed without another delivery of what was acknowledged.</summary>
    private static async Task QuietAsync(Journal journal)
    {
        long Count() => journal.CountDelivered(Offline) + Members.Sum(journal.CountDelivered);
        var count = -1L;
        var since = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(
            () =>
            {
                if (Count() is var now && now != count)
                {
                    count = now;
                    since = Stopwatch.GetTimestamp();
                }

                return Stopwatch.GetElapsedTime(since).TotalSeconds > 1;
            },
            "quiet");
    }
}
