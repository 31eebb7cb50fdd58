using System.Net;
using System.Net.Http.Json;
using Chariot.Abstractions.Accounts;
using Chariot.Admin.Accounts;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Tests.Accounts;

[Collection(SharedCluster.Name)]
public sealed class AccountTests(Cluster cluster)
{
    private const string Password = "a long password";

    [Fact]
    public async Task Account_IsCreatedShownChangedAndRemoved()
    {
        await using var host = await StartAsync();
        using (var created = await host.Administrator.PostAsJsonAsync("api/v1/accounts", new { username = "eve adams", password = Password, role = "viewer" }))
        {
            var body = await created.OkAsync(HttpStatusCode.Created);
            Assert.Equal("viewer", body.GetProperty("role").GetString());
            Assert.Equal("/api/v1/accounts/eve%20adams", created.Headers.Location!.OriginalString);
        }

        using (var again = await host.Administrator.PostAsJsonAsync("api/v1/accounts", new { username = "eve adams", password = Password, role = "viewer" }))
        {
            await again.ProblemAsync(HttpStatusCode.Conflict, "account-exists");
        }

        using (var list = await host.Viewer.GetAsync("api/v1/accounts"))
        {
            var items = (await list.OkAsync()).GetProperty("items");
            Assert.Equal(["admin", "eve adams"], items.EnumerateArray().Select(i => i.GetProperty("username").GetString()));
        }

        var token = await LoginTests.LoginAsync(host, "eve adams", Password);
        using (var changed = await host.Administrator.PutAsJsonAsync("api/v1/accounts/eve%20adams", new { role = "administrator" }))
        {
            await changed.OkAsync();
        }

        // A new role ends the sign-ins made under the old one.
        using (var client = host.Client(token))
        using (var ended = await client.GetAsync("api/v1/nodes"))
        {
            await ended.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
        }

        using (var deleted = await host.Administrator.DeleteAsync("api/v1/accounts/eve%20adams"))
        {
            await deleted.OkAsync(HttpStatusCode.NoContent);
        }

        using var gone = await host.Administrator.GetAsync("api/v1/accounts/eve%20adams");
        await gone.ProblemAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task LastAdministrator_CanBeNeitherRemovedNorDemoted()
    {
        await using var host = await StartAsync();
        using var deleted = await host.Administrator.DeleteAsync("api/v1/accounts/admin");
        await deleted.ProblemAsync(HttpStatusCode.Conflict, "last-administrator");
        using var demoted = await host.Administrator.PutAsJsonAsync("api/v1/accounts/admin", new { role = "viewer" });
        await demoted.ProblemAsync(HttpStatusCode.Conflict, "last-administrator");
        Assert.Equal(AccountRole.Administrator, (await host.Accounts.FindAccountAsync("admin"))!.Role);
    }

    [Theory]
    [InlineData("x", "123456789", "viewer", "password")]
    [InlineData("", Password, "viewer", "username")]
    [InlineData("a/b", Password, "viewer", "username")]
    [InlineData("x", Password, null, "role")]
    public async Task BadAccount_IsRefused_WithTheField(string username, string password, string? role, string field)
    {
        await using var host = await StartAsync();
        using var response = await host.Administrator.PostAsJsonAsync("api/v1/accounts", new { username, password, role });
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        Assert.Equal(field, problem.GetProperty("findings")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task ApiToken_IsShownOnce_WorksAndEnds()
    {
        await using var host = await StartAsync();
        using var created = await host.Administrator.PostAsJsonAsync("api/v1/tokens", new { name = "ci", role = "viewer", expiresAt = DateTimeOffset.UtcNow.AddDays(1) });
        var body = await created.OkAsync(HttpStatusCode.Created);
        var token = body.GetProperty("token").GetString()!;
        var id = body.GetProperty("id").GetString()!;
        using var client = host.Client(token);
        using (var nodes = await client.GetAsync("api/v1/nodes"))
        {
            await nodes.OkAsync();
        }

        using (var list = await host.Viewer.GetAsync("api/v1/tokens"))
        {
            var text = (await list.OkAsync()).ToString();
            Assert.Contains("\"ci\"", text);
            Assert.DoesNotContain(token, text);
            Assert.DoesNotContain(Convert.ToHexStringLower(Tokens.Hash(token)), text);
        }

        using (var deleted = await host.Administrator.DeleteAsync("api/v1/tokens/" + id))
        {
            await deleted.OkAsync(HttpStatusCode.NoContent);
        }

        using var ended = await client.GetAsync("api/v1/nodes");
        await ended.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(400)]
    public async Task ApiToken_EndsWithinAYear(int days)
    {
        await using var host = await StartAsync();
        using var response = await host.Administrator.PostAsJsonAsync("api/v1/tokens", new { name = "ci", role = "viewer", expiresAt = DateTimeOffset.UtcNow.AddDays(days) });
        await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
    }

    [Fact]
    public async Task ExpiredToken_IsRefused()
    {
        await using var host = await Host.StartAsync(cluster);
        var token = Tokens.Create();
        var now = DateTimeOffset.UtcNow;
        await host.Accounts.CreateTokenAsync(new ApiToken("old", "old", AccountRole.Administrator, now, now.AddSeconds(-1), null), Tokens.Hash(token));
        using var client = host.Client(token);
        using var response = await client.GetAsync("api/v1/nodes");
        await response.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    private async Task<Host> StartAsync()
    {
        var host = await Host.StartAsync(cluster);
        await host.App.Services.GetRequiredService<FirstAdministrator>().EnsureAsync(Password, TextWriter.Null);
        return host;
    }
}
