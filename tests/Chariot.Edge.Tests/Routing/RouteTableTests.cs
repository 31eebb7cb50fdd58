using System.Text;
using Chariot.Abstractions.Topics;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Routing;

/// <summary>Routing against the definition of a match, for filters and topics from a small alphabet that collides a lot.</summary>
public sealed class RouteTableTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "", "$a", "$SYS", "ä"];
    private readonly EdgeKit _kit = new();

    public void Dispose() => _kit.Dispose();

    [Fact]
    public void TopicsOfSubscribersThatAreGone_AreForgotten_AndTheirSessionsWithThem()
    {
        var routes = new RouteTable();
        var stays = new Subscription(_kit.Session("stays", 1, durable: false), new SubscriptionRecord("kept/x", QualityOfService.AtMostOnce));
        routes.Add(stays);
        routes.Match(routes.GetTopic("kept/x"u8));
        var entry = routes.GetTopic("gone/x"u8);
        var session = WithSubscriber(routes, entry);

        routes.ForgetStaleTopics();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.Equal(1, routes.TopicCount);
        Assert.False(session.TryGetTarget(out _), "the topic's entry, which a connection may hold, keeps the session");
        Assert.Empty(routes.Match(entry).Targets);
        Assert.Single(routes.Match(routes.GetTopic("kept/x"u8)).Targets);
        GC.KeepAlive(entry);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference<ClientSession> WithSubscriber(RouteTable routes, TopicEntry entry)
    {
        using var kit = new EdgeKit();
        var session = new ClientSession("gone", 2, Chariot.Abstractions.Access.Principal.Anonymous, kit.Services);
        var subscription = new Subscription(session, new SubscriptionRecord("gone/x", QualityOfService.AtMostOnce));
        routes.Add(subscription);
        Assert.Single(routes.Match(entry).Targets);
        routes.Remove(subscription);
        return new WeakReference<ClientSession>(session);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Match_UnderChurn_IsWhatTheDefinitionSays(int seed)
    {
        var random = new Random(seed);
        var sessions = Enumerable.Range(0, 6).Select(i => _kit.Session($"c{i}", i + 1, durable: i % 2 == 0)).ToList();
        var live = new List<Subscription>();
        var routes = new RouteTable();
        for (var step = 0; step < 4000; step++)
        {
            switch (random.Next(5))
            {
                case 0 or 1:
                    var added = new Subscription(sessions[random.Next(sessions.Count)], Record(random));
                    live.Add(added);
                    routes.Add(added);
                    break;
                case 2 when live.Count > 0:
                    var gone = live[random.Next(live.Count)];
                    live.Remove(gone);
                    routes.Remove(gone);
                    break;
                case 3 when live.Count > 0:
                    var changed = live[random.Next(live.Count)];
                    routes.SetActive(changed, !changed.Active);
                    break;
            }

            // The entries stay cached from step to step, so that a stale match would show.
            var topic = Encoding.UTF8.GetBytes(Topic(random));
            AssertMatch(routes, topic, live);
        }

        foreach (var subscription in live)
        {
            routes.Remove(subscription);
        }

        live.Clear();
        AssertMatch(routes, "a/b"u8.ToArray(), live);
    }

    [Fact]
    public void FilterTrie_WhenTheLastFilterIsGone_HoldsNothing()
    {
        var random = new Random(7);
        var trie = new FilterTrie<Subscription>();
        var session = _kit.Session("c", 1, durable: false);
        var live = new List<Subscription>();
        for (var i = 0; i < 2000; i++)
        {
            if (random.Next(2) == 0 || live.Count == 0)
            {
                live.Add(new Subscription(session, Record(random)));
                trie.Add(live[^1].Filter, live[^1]);
            }
            else
            {
                var at = random.Next(live.Count);
                trie.Remove(live[at].Filter, live[at]);
                live.RemoveAt(at);
            }
        }

        foreach (var subscription in live)
        {
            trie.Remove(subscription.Filter, subscription);
        }

        Assert.Equal(0, ChildrenOfRoot(trie));
    }

    [Fact]
    public void Remove_OfWhatWasNeverAdded_ChangesNothing()
    {
        var routes = new RouteTable();
        var session = _kit.Session("c", 1, durable: false);
        var held = new Subscription(session, new SubscriptionRecord("a/+/b", QualityOfService.AtMostOnce));
        routes.Add(held);

        routes.Remove(new Subscription(session, new SubscriptionRecord("a/+", QualityOfService.AtMostOnce)));
        routes.Remove(new Subscription(session, new SubscriptionRecord("a/+/b/#", QualityOfService.AtMostOnce)));
        routes.Remove(new Subscription(session, new SubscriptionRecord("x", QualityOfService.AtMostOnce)));

        AssertMatch(routes, "a/x/b"u8.ToArray(), [held]);
    }

    [Fact]
    public void OverlappingSubscriptions_AreOneTarget_WithTheHighestQosAndAllIdentifiers()
    {
        var routes = new RouteTable();
        var session = _kit.Session("c", 1, durable: false);
        routes.Add(new Subscription(session, new SubscriptionRecord("a/#", QualityOfService.AtMostOnce) { SubscriptionIdentifier = 5, NoLocal = true }));
        routes.Add(new Subscription(session, new SubscriptionRecord("a/b", QualityOfService.ExactlyOnce) { SubscriptionIdentifier = 9, RetainAsPublished = true }));
        routes.Add(new Subscription(session, new SubscriptionRecord("+/b", QualityOfService.AtLeastOnce) { NoLocal = true }));

        var target = Assert.Single(routes.Match(routes.GetTopic("a/b"u8)).Targets);

        Assert.Equal(QualityOfService.ExactlyOnce, target.Qos);
        Assert.Equal([5u, 9u], target.SubscriptionIdentifiers.Order());
        Assert.False(target.NoLocal);
        Assert.True(target.RetainAsPublished);
    }

    [Fact]
    public void SharedSubscription_TakesTurnsAmongConnectedMembers()
    {
        var sessions = Enumerable.Range(0, 3).Select(i => _kit.Session($"c{i}", i + 1, false, new SubscriptionRecord("$share/g/a/+", QualityOfService.AtMostOnce))).ToList();
        var wires = sessions.Select(_ => new ScriptedTransport()).ToList();
        for (var i = 0; i < 3; i++)
        {
            _kit.Connect(sessions[i], wires[i]);
        }

        var publisher = _kit.Connect(_kit.Session("p", 9, false), new ScriptedTransport());
        for (var i = 0; i < 30; i++)
        {
            _kit.Receive(publisher, EdgeKit.PublishPacket("a/x", "m"));
        }

        Assert.All(wires, wire => Assert.Equal(10, SentPacket.Parse(wire.Sent).Count));
    }

    [Fact]
    public void ForgottenTopics_HeldByAConnection_StillSeeChanges()
    {
        var routes = new RouteTable();
        var entry = routes.GetTopic("a/b"u8);
        Assert.Empty(routes.Match(entry).Targets);
        routes.ForgetTopics();
        var subscription = new Subscription(_kit.Session("c", 1, false), new SubscriptionRecord("a/b", QualityOfService.AtMostOnce));

        routes.Add(subscription);

        Assert.NotSame(entry, routes.GetTopic("a/b"u8));
        Assert.Single(routes.Match(entry).Targets);
    }

    internal static string Topic(Random random)
    {
        string topic;
        do
        {
            topic = string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Names[random.Next(Names.Length)]));
        }
        while (topic.Length == 0);
        return topic;
    }

    internal static string Filter(Random random)
    {
        while (true)
        {
            var levels = Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(4) == 0 ? "+" : Names[random.Next(Names.Length)]).ToList();
            if (random.Next(4) == 0)
            {
                levels.Add("#");
            }

            var filter = string.Join('/', levels);
            if (TopicFilter.IsValidFilter(filter, 100, 10))
            {
                return filter;
            }
        }
    }

    private static SubscriptionRecord Record(Random random) =>
        new((random.Next(4) == 0 ? $"$share/g{random.Next(2)}/" : "") + Filter(random), (QualityOfService)random.Next(3));

    private static void AssertMatch(RouteTable routes, byte[] topic, List<Subscription> live)
    {
        var match = routes.Match(routes.GetTopic(topic));
        var expected = live.Where(subscription => subscription.Active && TopicFilter.Matches(subscription.Filter, topic)).ToList();
        var direct = expected.Where(subscription => subscription.Group is null).GroupBy(subscription => subscription.Session)
            .Select(group => (group.Key.ClientId, group.Max(subscription => subscription.Record.QualityOfService))).Order();
        Assert.Equal(direct, match.Targets.Select(target => (target.Session.ClientId, target.Qos)).Order());
        var shared = expected.Where(subscription => subscription.Group is not null).GroupBy(subscription => subscription.Record.Filter)
            .Select(group => string.Join(',', group.Select(subscription => subscription.Session.ClientId).Order())).Order();
        Assert.Equal(shared, match.Shared.Select(group => string.Join(',', group.Members.Select(member => member.Session.ClientId).Order())).Order());
    }

    private static int ChildrenOfRoot(FilterTrie<Subscription> trie)
    {
        const System.Reflection.BindingFlags Any = System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public;
        var root = typeof(FilterTrie<Subscription>).GetField("_root", Any)!.GetValue(trie)!;
        return ((System.Collections.ICollection?)root.GetType().GetField("Children", Any)!.GetValue(root))?.Count ?? 0;
    }
}
