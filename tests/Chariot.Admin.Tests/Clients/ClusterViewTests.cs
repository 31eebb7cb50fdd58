using System.Net;
using Chariot.Abstractions.Edges;
using Chariot.Abstractions.Topics;
using Chariot.Admin.Tests.Kit;

namespace Chariot.Admin.Tests.Clients;

[Collection(SharedCluster.Name)]
public sealed class ClusterViewTests(Cluster cluster)
{
    [Fact]
    public async Task Clients_AreMergedOverNodes_AndPagedById()
    {
        await using var host = await Host.StartAsync(cluster);
        var (n1, n2) = (host.Edges.Add("n1"), host.Edges.Add("n2"));
        n1.AddClient("a");
        n2.AddClient("b");
        n1.AddClient("c");
        n1.AddClient("moved", epoch: 1);
        n2.AddClient("moved", epoch: 2);
        var seen = new List<string>();
        string? cursor = "";
        while (cursor is not null)
        {
            using var response = await host.Viewer.GetAsync("api/v1/clients?limit=2&cursor=" + cursor);
            var page = await response.OkAsync();
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("clientId").GetString() + "@" + i.GetProperty("node").GetString()));
            cursor = page.GetProperty("nextCursor").GetString();
        }

        Assert.Equal(["a@n1", "b@n2", "c@n1", "moved@n2"], seen);
    }

    [Fact]
    public async Task Clients_AreFoundByPartOfIdUsernameOrAddress_AndCounted()
    {
        await using var host = await Host.StartAsync(cluster);
        var (n1, n2) = (host.Edges.Add("n1"), host.Edges.Add("n2"));
        for (var i = 0; i < 7; i++)
        {
            (i % 2 == 0 ? n1 : n2).AddClient($"Meter-{i}");
        }

        n1.Clients.Add(new ClientDescription { ClientId = "x", Node = "n1", Username = "meter reader", Connected = true });
        n2.Clients.Add(new ClientDescription { ClientId = "y", Node = "n2", Address = "10.0.0.7:1" });
        Assert.Equal((3, 8), await SearchAsync("search=METER&limit=3"));
        Assert.Equal((1, 1), await SearchAsync("search=10.0.0.7"));
        Assert.Equal((1, 1), await SearchAsync("connected=false"));
        Assert.Equal((0, 0), await SearchAsync("connected=true&search=10.0.0.7"));
        Assert.Equal((9, 9), await SearchAsync(""));

        async Task<(int Items, int Total)> SearchAsync(string query)
        {
            using var response = await host.Viewer.GetAsync("api/v1/clients?" + query);
            var body = await response.OkAsync();
            return (body.GetProperty("items").GetArrayLength(), body.GetProperty("total").GetInt32());
        }
    }

    [Fact]
    public async Task RetainedLevels_ArePaged_AnEmptyNameToo()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Edges.Add("n1").Levels.AddRange([new RetainedLevel("", false, 2), new RetainedLevel("a", true, 0)]);
        using var first = await host.Viewer.GetAsync("api/v1/topics/levels?limit=1");
        var page = await first.OkAsync();
        Assert.Equal("", page.GetProperty("items")[0].GetProperty("name").GetString());
        Assert.Equal(2, page.GetProperty("items")[0].GetProperty("below").GetInt32());
        using var second = await host.Viewer.GetAsync("api/v1/topics/levels?limit=1&under=x&cursor=" + page.GetProperty("nextCursor").GetString());
        var rest = await second.OkAsync();
        Assert.Equal("a", rest.GetProperty("items")[0].GetProperty("name").GetString());
        Assert.True(rest.GetProperty("items")[0].GetProperty("hasMessage").GetBoolean());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, rest.GetProperty("nextCursor").ValueKind);
    }

    [Fact]
    public async Task RetainedMessage_IsReadWhole_ByItsTopic()
    {
        await using var host = await Host.StartAsync(cluster);
        var link = host.Edges.Add("n1");
        using (var none = await host.Viewer.GetAsync("api/v1/topics/retained/a/b"))
        {
            await none.ProblemAsync(HttpStatusCode.NotFound, "not-found");
        }

        link.Retained.Add(new RetainedDescription("a/b", QualityOfService.AtLeastOnce, new byte[5000], DateTimeOffset.UnixEpoch));
        using var found = await host.Viewer.GetAsync("api/v1/topics/retained/a/b");
        Assert.Equal(5000, Convert.FromBase64String((await found.OkAsync()).GetProperty("payload").GetString()!).Length);
        using var wildcard = await host.Viewer.GetAsync("api/v1/topics/retained/a/%23");
        await wildcard.ProblemAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task ASilentNode_IsNamed_AndNothingIsCalledMissingForIt()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Edges.Add("n1").AddClient("a");
        host.Edges.Add("n2").Silent = true;
        using (var list = await host.Viewer.GetAsync("api/v1/clients"))
        {
            var body = await list.OkAsync();
            Assert.Equal(1, body.GetProperty("items").GetArrayLength());
            Assert.Equal(1, body.GetProperty("unreachable").GetArrayLength());
        }

        using (var nodes = await host.Viewer.GetAsync("api/v1/nodes"))
        {
            var statuses = (await nodes.OkAsync()).GetProperty("items").EnumerateArray().Select(n => n.GetProperty("status").GetString());
            Assert.Equal(["absent", "active"], statuses.Order());
        }

        using var response = await host.Viewer.GetAsync("api/v1/clients/x");
        await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "node-unreachable");
    }

    [Fact]
    public async Task Client_WithASlashInItsId_IsFoundAndDisconnected()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Edges.Add("n1").AddClient("line/1%2F");
        using (var found = await host.Viewer.GetAsync("api/v1/clients/line%2F1%252F"))
        {
            Assert.Equal("line/1%2F", (await found.OkAsync()).GetProperty("clientId").GetString());
        }

        using (var gone = await host.Administrator.DeleteAsync("api/v1/clients/line%2F1%252F?session=true"))
        {
            await gone.OkAsync(HttpStatusCode.NoContent);
        }

        using var again = await host.Administrator.DeleteAsync("api/v1/clients/line%2F1%252F");
        await again.ProblemAsync(HttpStatusCode.NotFound, "not-found");
        Assert.Contains(host.Audit.Entries, e => e is { Action: "client.disconnect", Outcome: "applied", Actor: "test-Administrator", Address: "127.0.0.1" });
    }

    [Fact]
    public async Task RetainedMessages_AreListedAndDeleted()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Edges.Add("n1").Retained.Add(new RetainedDescription("a/b c", QualityOfService.AtLeastOnce, "hello"u8.ToArray(), DateTimeOffset.UnixEpoch));
        using (var list = await host.Viewer.GetAsync("api/v1/topics/retained?filter=a/%23"))
        {
            var item = (await list.OkAsync()).GetProperty("items")[0];
            Assert.Equal("aGVsbG8=", item.GetProperty("payload").GetString());
            Assert.Equal(1, item.GetProperty("qos").GetInt32());
        }

        using (var bad = await host.Viewer.GetAsync("api/v1/topics/retained?filter=a%23"))
        {
            await bad.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        }

        using var deleted = await host.Administrator.DeleteAsync("api/v1/topics/retained/a%2Fb%20c");
        await deleted.OkAsync(HttpStatusCode.NoContent);
    }
}
