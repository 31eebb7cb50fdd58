using System.Net;
using System.Net.Http.Json;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Audit;
using Chariot.Admin.Http;
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
    public async Task Filter_IsOverEachField_AndTime()
    {
        await using var host = await Host.StartAsync(cluster);
        foreach (var name in new[] { "dev1", "dev2" })
        {
            using var created = await host.Administrator.PostAsJsonAsync("api/v1/credentials", new { username = name, password = "a password" });
            await created.OkAsync(HttpStatusCode.Created);
        }

        Assert.Equal(4, await CountAsync(""));
        Assert.Equal(2, await CountAsync("target=DEV1"));
        Assert.Equal(1, await CountAsync("target=dev1&outcome=applied&action=credential&actor=administrator"));
        Assert.Equal(0, await CountAsync("actor=nobody"));
        Assert.Equal(4, await CountAsync("from=2000-01-01T00:00:00Z"));
        Assert.Equal(0, await CountAsync("to=2000-01-01T00:00:00%2B09:00"));
        using var bad = await host.Viewer.GetAsync("api/v1/audit?from=yesterday");
        await bad.ProblemAsync(HttpStatusCode.BadRequest, "bad-request");

        async Task<int> CountAsync(string query)
        {
            using var response = await host.Viewer.GetAsync("api/v1/audit?" + query);
            return (await response.OkAsync()).GetProperty("items").GetArrayLength();
        }
    }

    [Fact]
    public async Task FilteredPages_GoOnWhereTheSearchStood()
    {
        var log = new FakeAuditLog();
        for (var i = 0; i < 25_000; i++)
        {
            await log.AppendAsync(new AuditEntry(0, DateTimeOffset.UnixEpoch.AddMinutes(i), i == 3 ? "rare" : "often", "", "a", "t", "applied", "{}"));
        }

        var search = new AuditSearch(log);
        var filter = AuditFilter.None with { Actor = "rare" };
        var calls = 0;
        var found = new List<AuditEntry>();
        string? cursor = "";
        while (cursor is not null)
        {
            var page = await search.ReadAsync(filter, PageRequest.Read(50, cursor).Value, CancellationToken.None);
            found.AddRange(page.Value.Page.Items);
            cursor = page.Value.Page.NextCursor;
            calls++;
        }

        Assert.Equal("rare", Assert.Single(found).Actor);
        Assert.Equal(3, calls);

        var full = await search.ReadAsync(AuditFilter.None with { Actor = "often" }, new PageRequest(50, null), CancellationToken.None);
        Assert.Equal(50, full.Value.Page.Items.Count);
        var next = await search.ReadAsync(AuditFilter.None with { Actor = "often" }, PageRequest.Read(50, full.Value.Page.NextCursor).Value, CancellationToken.None);
        Assert.Equal(full.Value.Page.Items[^1].Id - 1, next.Value.Page.Items[0].Id);

        // Entries older than the filter's beginning end the search.
        var recent = await search.ReadAsync(filter with { From = DateTimeOffset.UnixEpoch.AddMinutes(24_990) }, new PageRequest(50, null), CancellationToken.None);
        Assert.Empty(recent.Value.Page.Items);
        Assert.Null(recent.Value.Page.NextCursor);
    }

    [Fact]
    public async Task Export_IsAFile_InWhichNothingIsAFormula()
    {
        await using var host = await Host.StartAsync(cluster);
        await host.Audit.AppendAsync(new AuditEntry(0, DateTimeOffset.UnixEpoch, "=HYPERLINK(\"x\")", "::1", "account.sign-in", "@a\r\nb,c", "not-signed-in", "{}"));
        using (var csv = await host.Viewer.GetAsync("api/v1/audit/export?format=csv"))
        {
            Assert.Equal("attachment", csv.Content.Headers.ContentDisposition!.DispositionType);
            Assert.EndsWith(".csv", csv.Content.Headers.ContentDisposition.FileName!.Trim('"'));
            Assert.Equal(
                "\uFEFFid,at,actor,address,action,target,outcome,detail\r\n1,1970-01-01T00:00:00.0000000Z,\"'=HYPERLINK(\"\"x\"\")\",\"::1\",\"account.sign-in\",\"'@a\r\nb,c\",\"not-signed-in\",\"{}\"\r\n",
                System.Text.Encoding.UTF8.GetString(await csv.Content.ReadAsByteArrayAsync()));
        }

        using (var json = await host.Viewer.GetAsync("api/v1/audit/export?format=json&actor=hyper"))
        {
            var entry = Assert.Single(System.Text.Json.JsonDocument.Parse(await json.Content.ReadAsStringAsync()).RootElement.EnumerateArray());
            Assert.Equal("=HYPERLINK(\"x\")", entry.GetProperty("actor").GetString());
        }

        using var bad = await host.Viewer.GetAsync("api/v1/audit/export?format=xml");
        await bad.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
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
