using System.Text;
using Chariot.Abstractions.Access;
using Chariot.Edge.Connections;
using Chariot.Edge.Routing;
using Chariot.Edge.Sessions;
using Chariot.Edge.Tests.Kit;

namespace Chariot.Edge.Tests.Connections;

public class TopicCacheTests
{
    [Fact]
    public void Decision_IsVoid_AsSoonAsTheRightsAreReplaced()
    {
        var cache = new TopicCache();
        var routes = new RouteTable();
        cache.Find("a"u8, new ClientAccess(AccessControlList.Everything), routes, out var before);
        cache.Find("a"u8, ClientAccess.Nothing, routes, out var after);
        cache.Find("a"u8, new ClientAccess(AccessControlList.Everything), routes, out var again);

        Assert.Equal((true, false, true), (before, after, again));
    }

    [Fact]
    public void Decision_IsVoid_WhenLimitsHaveChanged()
    {
        using var kit = new EdgeKit();
        var session = kit.Session("c", 1, durable: false);
        var cache = new TopicCache();
        Assert.True(cache.Find("a/b/c"u8, session.Access, kit.Routes, out _).IsValid);
        var rights = session.Access.List;

        kit.Routes.MaximumTopicLevels = 2;
        kit.Routes.ForgetTopics();
        session.RenewAccess();

        Assert.False(cache.Find("a/b/c"u8, session.Access, kit.Routes, out _).IsValid);
        Assert.Same(rights, session.Access.List);
    }

    [Fact]
    public void Decisions_AreThoseOfTheList_HoweverManyTopicsShareTheSlots()
    {
        var random = new Random(3);
        var cache = new TopicCache();
        var routes = new RouteTable();
        var list = AccessControlList.Compile(["t/#", "!t/1/#"], [], "c", null);
        var access = new ClientAccess(list);
        for (var i = 0; i < 60_000; i++)
        {
            var topic = Encoding.UTF8.GetBytes($"{(random.Next(4) == 0 ? "x" : "t")}/{random.Next(3)}/{random.Next(3000)}");
            if (random.Next(1000) == 0)
            {
                access = new ClientAccess(list = random.Next(2) == 0 ? AccessControlList.Nothing : AccessControlList.Compile(["t/#", "!t/1/#"], [], "c", null));
            }

            var entry = cache.Find(topic, access, routes, out var allowed);

            Assert.Equal(topic, entry.Topic);
            Assert.Equal(list.AllowsPublish(topic), allowed);
        }
    }
}
