using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Credentials;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Tests.Credentials;

[Collection(SharedCluster.Name)]
public sealed class CredentialTests(Cluster cluster)
{
    [Fact]
    public async Task Credential_LivesItsLife()
    {
        await using var host = await Host.StartAsync(cluster);
        string tag;
        using (var created = await CreateAsync(host, new { username = "a/b c", password = "a long password", publishAcl = Acl("p/#"), subscribeAcl = Acl("s/+") }))
        {
            var body = await created.OkAsync(HttpStatusCode.Created);
            Assert.Equal("/api/v1/credentials/a%2Fb%20c", created.Headers.Location!.OriginalString);
            Assert.False(body.TryGetProperty("password", out _));
            Assert.True(body.GetProperty("nodes")[0].GetProperty("applied").GetBoolean());
            tag = created.Headers.ETag!.Tag;
        }

        using (var read = await host.Viewer.GetAsync("api/v1/credentials/a%2Fb%20c"))
        {
            var body = await read.OkAsync();
            Assert.Equal("p/#", body.GetProperty("publishAcl")[0].GetString());
            Assert.True(body.GetProperty("enabled").GetBoolean());
            Assert.Equal(tag, read.Headers.ETag!.Tag);
            Assert.DoesNotContain("erifier", body.ToString());
        }

        var verifier = host.Configuration.Credentials["a/b c"].PasswordVerifier;
        using (var changed = await SendAsync(host, HttpMethod.Put, "api/v1/credentials/a%2Fb%20c", new { publishAcl = Acl("q"), enabled = false }, tag))
        {
            Assert.NotEqual(tag, changed.Headers.ETag!.Tag);
            await changed.OkAsync();
            Assert.Equal(verifier, host.Configuration.Credentials["a/b c"].PasswordVerifier);
            Assert.False(host.Configuration.Credentials["a/b c"].Enabled);
        }

        using (var stale = await SendAsync(host, HttpMethod.Put, "api/v1/credentials/a%2Fb%20c", new { publishAcl = Acl("r") }, tag))
        {
            await stale.ProblemAsync(HttpStatusCode.PreconditionFailed, "revision-conflict");
        }

        using (var deleted = await host.Administrator.DeleteAsync("api/v1/credentials/a%2Fb%20c"))
        {
            await deleted.OkAsync(HttpStatusCode.NoContent);
        }

        using var gone = await host.Administrator.GetAsync("api/v1/credentials/a%2Fb%20c");
        await gone.ProblemAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task Replace_WithGeneratePassword_MakesANewOne_AndShowsItOnce()
    {
        await using var host = await Host.StartAsync(cluster);
        using (var created = await CreateAsync(host, new { username = "press", password = "a long password" }))
        {
            await created.OkAsync(HttpStatusCode.Created);
        }

        using (var both = await SendAsync(host, HttpMethod.Put, "api/v1/credentials/press", new { password = "another password", generatePassword = true }, null))
        {
            await both.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        }

        var verifier = host.Configuration.Credentials["press"].PasswordVerifier;
        using var replaced = await SendAsync(host, HttpMethod.Put, "api/v1/credentials/press", new { generatePassword = true }, null);
        Assert.Equal(32, (await replaced.OkAsync()).GetProperty("password").GetString()!.Length);
        Assert.NotEqual(verifier, host.Configuration.Credentials["press"].PasswordVerifier);
        using var read = await host.Administrator.GetAsync("api/v1/credentials/press");
        Assert.False((await read.OkAsync()).TryGetProperty("password", out _));
    }

    [Fact]
    public async Task WithoutPassword_OneIsGenerated_AndShownOnce()
    {
        await using var host = await Host.StartAsync(cluster);
        using var created = await CreateAsync(host, new { username = "dev1" });
        var password = (await created.OkAsync(HttpStatusCode.Created)).GetProperty("password").GetString()!;
        Assert.True(password.Length >= 32);
        var pepper = host.App.Services.GetRequiredService<ISecretSealer>().Derive(CredentialAdministration.PepperPurpose);
        Assert.True(PasswordVerifier.Verify(host.Configuration.Credentials["dev1"].PasswordVerifier, Encoding.UTF8.GetBytes(password), pepper));

        using var read = await host.Administrator.GetAsync("api/v1/credentials/dev1");
        Assert.DoesNotContain(password, (await read.OkAsync()).ToString());
        Assert.DoesNotContain(password, host.Log.Text);
        Assert.DoesNotContain(password, JsonSerializer.Serialize(host.Audit.Entries));
    }

    [Fact]
    public async Task WeakPassword_IsAccepted_WithAWarning()
    {
        await using var host = await Host.StartAsync(cluster);
        using var created = await CreateAsync(host, new { username = "dev1", password = "x" });
        var finding = (await created.OkAsync(HttpStatusCode.Created)).GetProperty("findings")[0];
        Assert.Equal("password.weak", finding.GetProperty("code").GetString());
        Assert.Equal("warning", finding.GetProperty("severity").GetString());
    }

    [Fact]
    public async Task SecondCredentialOfTheName_IsRefused()
    {
        await using var host = await Host.StartAsync(cluster);
        Add(host, "dev1");
        using var response = await CreateAsync(host, new { username = "dev1" });
        await response.ProblemAsync(HttpStatusCode.Conflict, "credential-exists");
    }

    [Fact]
    public async Task LegacyAcl_IsTranslated()
    {
        await using var host = await Host.StartAsync(cluster);
        using var created = await CreateAsync(host, new { username = "dev1", acl = "RW a/#, R b/+,W c" });
        var body = await created.OkAsync(HttpStatusCode.Created);
        Assert.Equal(["a/#", "c"], body.GetProperty("publishAcl").EnumerateArray().Select(f => f.GetString()));
        Assert.Equal(["a/#", "b/+"], body.GetProperty("subscribeAcl").EnumerateArray().Select(f => f.GetString()));
    }

    [Fact]
    public async Task InvalidFilters_AreAllNamed()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await CreateAsync(host, new { username = "dev1", publishAcl = Acl("ok", "a/#/b"), subscribeAcl = Acl("b+") });
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        Assert.Equal(["publishAcl[1]", "subscribeAcl[0]"], problem.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("field").GetString()));
        Assert.Empty(host.Configuration.Credentials);
        Assert.Empty(host.Audit.Entries);
    }

    [Fact]
    public async Task Delete_OfTheMappedCredential_IsRefused()
    {
        await using var host = await Host.StartAsync(cluster);
        Add(host, "dev1");
        host.Configuration.Current = host.Configuration.Current with { Mqtt = new MqttSettings { AnonymousCredential = "dev1" } };
        using var response = await host.Administrator.DeleteAsync("api/v1/credentials/dev1");
        await response.ProblemAsync(HttpStatusCode.Conflict, "credential-in-use");
    }

    [Fact]
    public async Task Pages_CoverTheListOnce_InOrder()
    {
        await using var host = await Host.StartAsync(cluster);
        foreach (var i in Enumerable.Range(0, 5))
        {
            Add(host, "dev" + i);
        }

        Add(host, "other");
        var seen = new List<string>();
        string? cursor = "";
        while (cursor is not null)
        {
            using var response = await host.Viewer.GetAsync($"api/v1/credentials?limit=2&search=dev&cursor={cursor}");
            var page = await response.OkAsync();
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("username").GetString()!));
            cursor = page.GetProperty("nextCursor").GetString();
        }

        Assert.Equal(["dev0", "dev1", "dev2", "dev3", "dev4"], seen);
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=501")]
    [InlineData("cursor=%2A")]
    public async Task BadPageRequest_IsRefused(string query)
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Viewer.GetAsync("api/v1/credentials?" + query);
        await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
    }

    [Fact]
    public async Task ChangeThatALiveNodeDoesNotActOn_Is202_WithThatNode()
    {
        await using var host = await Host.StartAsync(cluster);
        Add(host, "dev1");
        host.Configuration.Nodes = [new NodeResult("n1", 0, true, null), new NodeResult("n2", 0, false, "does not answer")];
        using (var changed = await SendAsync(host, HttpMethod.Put, "api/v1/credentials/dev1", new { enabled = true }, null))
        {
            var node = (await changed.OkAsync(HttpStatusCode.Accepted)).GetProperty("nodes")[1];
            Assert.Equal("n2", node.GetProperty("node").GetString());
            Assert.Equal("does not answer", node.GetProperty("error").GetString());
        }

        using var deleted = await host.Administrator.DeleteAsync("api/v1/credentials/dev1");
        Assert.Equal(2, (await deleted.OkAsync(HttpStatusCode.Accepted)).GetProperty("nodes").GetArrayLength());
        Assert.Contains(host.Audit.Entries, e => e is { Action: "credential.delete", Outcome: "partly-applied" });
    }

    [Fact]
    public async Task Explain_NamesTheEntryThatDecides()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Configuration.Credentials["dev1"] = new CredentialRecord("dev1", "", ["a/#", "!a/secret"], [], true, 1);
        using var allowed = await host.Viewer.PostAsJsonAsync("api/v1/acl/explain", new { username = "dev1", clientId = "c", action = "publish", topic = "a/b" });
        Assert.True((await allowed.OkAsync()).GetProperty("allowed").GetBoolean());
        using var denied = await host.Viewer.PostAsJsonAsync("api/v1/acl/explain", new { username = "dev1", clientId = "c", action = "publish", topic = "a/secret" });
        var body = await denied.OkAsync();
        Assert.False(body.GetProperty("allowed").GetBoolean());
        Assert.Equal(2, body.GetProperty("line").GetInt32());
        using var anonymous = await host.Viewer.PostAsJsonAsync("api/v1/acl/explain", new { anonymous = true, clientId = "c", action = "subscribe", topic = "#" });
        Assert.False((await anonymous.OkAsync()).GetProperty("allowed").GetBoolean());
    }

    private static string[] Acl(params string[] filters) => filters;

    private static void Add(Host host, string username) =>
        host.Configuration.Credentials[username] = new CredentialRecord(username, "verifier", [], [], true, 1);

    private static Task<HttpResponseMessage> CreateAsync(Host host, object body) => host.Administrator.PostAsJsonAsync("api/v1/credentials", body);

    private static async Task<HttpResponseMessage> SendAsync(Host host, HttpMethod method, string address, object body, string? ifMatch)
    {
        using var request = new HttpRequestMessage(method, address) { Content = JsonContent.Create(body) };
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        return await host.Administrator.SendAsync(request);
    }
}
