using System.Net;
using System.Net.Http.Json;
using Chariot.Admin.Tests.Kit;

namespace Chariot.Admin.Tests.Audit;

[Collection(SharedCluster.Name)]
public sealed class AuditTests(Cluster cluster)
{
    [Fact]
    public async Task Change_IsRecordedBeforeAndAfter_WithoutThePassword()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var created = await host.Administrator.PostAsJsonAsync("api/v1/credentials", new { username = "dev1", password = "canary password" }))
        {
            await created.OkAsync(HttpStatusCode.Created);
        }

        using var audit = await host.Viewer.GetAsync("api/v1/audit");
        var body = await audit.OkAsync();
        var items = body.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["applied", "requested"], items.Select(i => i.GetProperty("outcome").GetString()));
        Assert.All(items, i => Assert.Equal("dev1", i.GetProperty("target").GetString()));
        Assert.Equal("set", items[0].GetProperty("detail").GetProperty("after").GetProperty("password").GetString());
        Assert.DoesNotContain("canary", body.ToString());
        Assert.DoesNotContain(host.Configuration.Credentials["dev1"].PasswordVerifier, body.ToString());
    }

    [Fact]
    public async Task WhenTheLogCannotBeWritten_NothingIsChanged()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Audit.Broken = true;
        using var response = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { allowAnonymous = true });
        var problem = await response.ProblemAsync(HttpStatusCode.ServiceUnavailable, "audit-unavailable");
        Assert.DoesNotContain("disk", problem.ToString());
        Assert.False(host.Configuration.Current.Mqtt.AllowAnonymous);
    }

    [Fact]
    public async Task Pages_GoFromNewToOld()
    {
        await using var host = await Host.StartAsync(cluster);
        for (var i = 0; i < 2; i++)
        {
            using var response = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { });
            await response.OkAsync();
        }

        using var first = await host.Viewer.GetAsync("api/v1/audit?limit=3");
        var page = await first.OkAsync();
        Assert.Equal([4, 3, 2], page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetInt32()));
        using var second = await host.Viewer.GetAsync("api/v1/audit?limit=3&cursor=" + page.GetProperty("nextCursor").GetString());
        var rest = await second.OkAsync();
        Assert.Equal([1], rest.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetInt32()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, rest.GetProperty("nextCursor").ValueKind);
    }
}
