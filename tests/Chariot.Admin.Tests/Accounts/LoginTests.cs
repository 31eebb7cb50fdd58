using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Chariot.Abstractions.Accounts;
using Chariot.Admin.Accounts;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Tests.Accounts;

[Collection(SharedCluster.Name)]
public sealed class LoginTests(Cluster cluster)
{
    private const string Password = "a long password";

    [Theory]
    [InlineData("login")]
    [InlineData("api/v1/login")]
    public async Task JsonLogin_GivesATokenThatWorks(string address)
    {
        await using var host = await StartAsync();
        using var response = await host.Nobody.PostAsJsonAsync(address, new { username = "admin", password = Password });
        var body = await response.OkAsync();
        Assert.Equal("Bearer", body.GetProperty("tokenType").GetString());
        Assert.Equal(90 * 60, body.GetProperty("expiresIn").GetInt32());
        var token = body.GetProperty("accessToken").GetString()!;
        Assert.StartsWith("chr_", token);
        using var client = host.Client(token);
        using var nodes = await client.GetAsync("api/v1/nodes");
        await nodes.OkAsync();
        Assert.DoesNotContain(token, host.Log.Text);
        Assert.DoesNotContain(Password, host.Log.Text);
    }

    [Fact]
    public async Task BasicLogin_GivesAToken_AndBasicOpensNothingElse()
    {
        await using var host = await StartAsync();
        using var client = host.Client(null);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("admin:" + Password)));
        using var login = await client.PostAsync("login", null);
        await login.OkAsync();
        using var nodes = await client.GetAsync("api/v1/nodes");
        await nodes.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    [Fact]
    public async Task WrongPasswordAndUnknownUser_GetTheSameAnswer()
    {
        await using var host = await StartAsync();
        using var wrong = await host.Nobody.PostAsJsonAsync("login", new { username = "admin", password = "wrong password" });
        using var unknown = await host.Nobody.PostAsJsonAsync("login", new { username = "nobody", password = "wrong password" });
        await wrong.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
        Assert.Equal(await wrong.Content.ReadAsStringAsync(), await unknown.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task RepeatedFailures_AreThrottled_ForThatUserOnly()
    {
        await using var host = await StartAsync();
        var throttle = host.App.Services.GetRequiredService<LoginThrottle>();
        for (var i = 0; i < LoginThrottle.FreeFailures - 1; i++)
        {
            throttle.Failed(IPAddress.Loopback, "admin");
        }

        using (var last = await host.Nobody.PostAsJsonAsync("login", new { username = "admin", password = "wrong password" }))
        {
            await last.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
        }

        // Longer than the test can take: each failure doubles the wait.
        for (var i = 0; i < 6; i++)
        {
            throttle.Failed(IPAddress.Loopback, "admin");
        }

        using (var right = await host.Nobody.PostAsJsonAsync("login", new { username = "admin", password = Password }))
        {
            await right.ProblemAsync(HttpStatusCode.TooManyRequests, "too-many-attempts");
            Assert.InRange(right.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 30, 60);
        }

        using var other = await host.Nobody.PostAsJsonAsync("login", new { username = "other", password = "wrong password" });
        await other.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    [Fact]
    public async Task LoginWithoutAnything_IsNotSignedIn()
    {
        await using var host = await StartAsync();
        using var response = await host.Nobody.PostAsync("login", null);
        await response.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    [Fact]
    public async Task Logout_EndsTheToken()
    {
        await using var host = await StartAsync();
        using var client = host.Client(await LoginAsync(host, "admin", Password));
        using (var logout = await client.PostAsync("api/v1/logout", null))
        {
            await logout.OkAsync(HttpStatusCode.NoContent);
        }

        using var nodes = await client.GetAsync("api/v1/nodes");
        await nodes.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    [Fact]
    public async Task OneTimePassword_OpensNothingButItsChange()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        var output = new StringWriter();
        await host.App.Services.GetRequiredService<FirstAdministrator>().EnsureAsync(null, output);
        var password = output.ToString().Trim().Split(' ')[^1];
        Assert.DoesNotContain(password, host.Log.Text);

        using var client = host.Client(await LoginAsync(host, "admin", password));
        using (var refused = await client.GetAsync("api/v1/nodes"))
        {
            await refused.ProblemAsync(HttpStatusCode.Forbidden, "password-change-required");
        }

        using (var metrics = await client.GetAsync("metrics"))
        {
            await metrics.ProblemAsync(HttpStatusCode.Forbidden, "password-change-required");
        }

        using (var change = await client.PostAsJsonAsync("api/v1/account/password", new { currentPassword = password, newPassword = "another password" }))
        {
            await change.OkAsync(HttpStatusCode.NoContent);
        }

        using var nodes = await client.GetAsync("api/v1/nodes");
        await nodes.OkAsync();
        using var old = await host.Nobody.PostAsJsonAsync("login", new { username = "admin", password });
        await old.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    [Fact]
    public async Task FirstAdministrator_IsMadeOnce()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        var first = host.App.Services.GetRequiredService<FirstAdministrator>();
        var output = new StringWriter();
        await first.EnsureAsync(Password, output);
        await first.EnsureAsync(null, output);
        Assert.Equal("", output.ToString());
        var account = await host.Accounts.FindAccountAsync("admin");
        Assert.Equal(new Account("admin", AccountRole.Administrator, MustChangePassword: false), account);
    }

    [Fact]
    public async Task FirstAdministrator_WithAShortPassword_IsRefused()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        var first = host.App.Services.GetRequiredService<FirstAdministrator>();
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => first.EnsureAsync("short", TextWriter.Null));
        Assert.Contains("CHARIOT_ADMIN_PASSWORD", e.Message);
        Assert.False(await host.Accounts.HasAccountsAsync());
    }

    [Fact]
    public async Task PasswordChange_EndsTheOtherSignIns()
    {
        await using var host = await StartAsync();
        using var own = host.Client(await LoginAsync(host, "admin", Password));
        using var other = host.Client(await LoginAsync(host, "admin", Password));
        using (var wrong = await own.PostAsJsonAsync("api/v1/account/password", new { currentPassword = "not this one", newPassword = "another password" }))
        {
            await wrong.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        }

        using (var tooShort = await own.PostAsJsonAsync("api/v1/account/password", new { currentPassword = Password, newPassword = "123456789" }))
        {
            await tooShort.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        }

        using (var change = await own.PostAsJsonAsync("api/v1/account/password", new { currentPassword = Password, newPassword = "another password" }))
        {
            await change.OkAsync(HttpStatusCode.NoContent);
        }

        using var kept = await own.GetAsync("api/v1/nodes");
        await kept.OkAsync();
        using var ended = await other.GetAsync("api/v1/nodes");
        await ended.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
    }

    internal static async Task<string> LoginAsync(Host host, string username, string password)
    {
        using var response = await host.Nobody.PostAsJsonAsync("login", new { username, password });
        return (await response.OkAsync()).GetProperty("accessToken").GetString()!;
    }

    private async Task<Host> StartAsync()
    {
        var host = await Host.StartOwnAsync(cluster);
        await host.App.Services.GetRequiredService<FirstAdministrator>().EnsureAsync(Password, TextWriter.Null);
        return host;
    }
}
