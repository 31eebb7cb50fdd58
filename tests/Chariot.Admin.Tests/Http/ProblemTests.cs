using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Chariot.Abstractions.Edges;
using Chariot.Admin.Tests.Kit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Tests.Http;

[Collection(SharedCluster.Name)]
public sealed class ProblemTests(Cluster cluster)
{
    [Fact]
    public async Task UnknownAddress_Is404()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.GetAsync("api/v1/nothing");
        await response.ProblemAsync(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task WrongMethod_Is405()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.DeleteAsync("api/v1/nodes");
        await response.ProblemAsync(HttpStatusCode.MethodNotAllowed, "method-not-allowed");
    }

    [Fact]
    public async Task WrongMediaType_Is415()
    {
        await using var host = await Host.StartAsync(cluster);
        using var body = new StringContent("username=a", Encoding.UTF8, "application/x-www-form-urlencoded");
        using var response = await host.Administrator.PostAsync("api/v1/credentials", body);
        await response.ProblemAsync(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }

    [Theory]
    [InlineData("""{"allowAnonymous": "perhaps"}""", "allowAnonymous")]
    [InlineData("""{"onDenied": 1}""", "onDenied")]
    [InlineData("""{"limits": {"receiveMaximum": "x"}}""", "limits.receiveMaximum")]
    public async Task WrongJson_NamesTheField(string json, string field)
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsync("api/v1/settings/mqtt", Json(json));
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "bad-json");
        Assert.Equal(field, problem.GetProperty("findings")[0].GetProperty("field").GetString());
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[1,2]")]
    [InlineData("""{"allowAnonymos": true}""")]
    [InlineData("""{"allowAnonymous": true, "allowAnonymous": false}""")]
    public async Task JsonThatIsNotWhatIsExpected_Is400(string json)
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsync("api/v1/settings/mqtt", Json(json));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.StartsWith("urn:chariot:error:bad-", (await response.JsonAsync()).GetProperty("type").GetString());
    }

    [Fact]
    public async Task JsonNestedTooDeep_Is400()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PostAsync("api/v1/credentials", Json("{\"publishAcl\":" + new string('[', 40) + new string(']', 40) + "}"));
        await response.ProblemAsync(HttpStatusCode.BadRequest, "bad-json");
    }

    [Fact]
    public async Task BodyAboveOneMebibyte_Is413()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PostAsync("api/v1/credentials", Json("\"" + new string('a', 1024 * 1024) + "\""));
        await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge, "too-large");
    }

    [Fact]
    public async Task AnUnexpectedFailure_TellsNothingOfItsCause()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        host.App.MapGet("/fails", string () => throw new InvalidOperationException("Host=db;Password=hunter2"));
        using var response = await host.Administrator.GetAsync("fails");
        var problem = await response.ProblemAsync(HttpStatusCode.InternalServerError, "internal-error");
        Assert.DoesNotContain("hunter2", problem.ToString());
        Assert.Contains("Error 4000", host.Log.Text);
    }

    [Theory]
    [InlineData("healthz")]
    [InlineData("api/v1/nodes")]
    [InlineData("nowhere")]
    public async Task EveryAnswer_HasTheSecurityHeaders(string address)
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Nobody.GetAsync(address);
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.StartsWith("default-src 'self';", response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Equal("no-referrer", response.Headers.GetValues("Referrer-Policy").Single());
        Assert.False(response.Headers.Contains("Server"));
        Assert.False(response.Headers.Contains("Strict-Transport-Security"));
        if (address.StartsWith("api", StringComparison.Ordinal))
        {
            Assert.True(response.Headers.CacheControl!.NoStore);
        }
    }

    [Fact]
    public async Task Readyz_NamesWhatIsMissing()
    {
        var part = new Part();
        await using var host = await Host.StartOwnAsync(cluster, s => s.AddSingleton<IReadiness>(part));
        using (var ready = await host.Nobody.GetAsync("readyz"))
        {
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        }

        part.Reasons = ["routes-incomplete"];
        using var response = await host.Nobody.GetAsync("readyz");
        var body = await response.OkAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("routes-incomplete", body.GetProperty("reasons")[0].GetString());
    }

    [Fact]
    public async Task OpenApi_DescribesTheRoutes_WithoutToken()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Nobody.GetAsync("openapi/v1.json");
        var paths = (await response.OkAsync()).GetProperty("paths");
        Assert.True(paths.TryGetProperty("/api/v1/settings/mqtt", out _));
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));

    private sealed class Part : IReadiness
    {
        public IReadOnlyList<string> Reasons { get; set; } = [];
    }
}
