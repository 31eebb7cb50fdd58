using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Tests.Kit;

namespace Chariot.Admin.Tests.Settings;

[Collection(SharedCluster.Name)]
public sealed class SettingsTests(Cluster cluster)
{
    [Fact]
    public async Task WhatWasRead_CanBeSentBack()
    {
        await using var host = await Host.StartAsync(cluster);
        foreach (var name in new[] { "mqtt", "tls", "admin" })
        {
            var text = await host.Administrator.GetStringAsync("api/v1/settings/" + name);
            using var body = new StringContent(text, Encoding.UTF8, "application/json");
            using var response = await host.Administrator.PutAsync("api/v1/settings/" + name, body);
            var answer = JsonNode.Parse((await response.OkAsync()).GetRawText())!.AsObject();
            answer.Remove("nodes");
            answer["revision"] = JsonNode.Parse(text)!["revision"]!.DeepClone();
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(text), answer), $"{text} became {answer}");
        }
    }

    [Fact]
    public async Task Mqtt_IsReplacedAsAWhole()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Configuration.Credentials["guest"] = new CredentialRecord("guest", "", [], [], true, 1);
        using (var first = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { allowAnonymous = true, anonymousCredential = "guest", onDenied = "disconnect" }))
        {
            var body = await first.OkAsync();
            Assert.Equal("disconnect", body.GetProperty("onDenied").GetString());
            Assert.Equal("n1", body.GetProperty("nodes")[0].GetProperty("node").GetString());
            Assert.Equal($"\"{body.GetProperty("revision").GetInt64()}\"", first.Headers.ETag!.Tag);
        }

        using var second = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { plainListenerEnabled = false });
        await second.OkAsync();
        Assert.Equal(new MqttSettings { PlainListenerEnabled = false }, host.Configuration.Current.Mqtt);
    }

    [Fact]
    public async Task UnknownAnonymousCredential_Is400_WithTheField()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { allowAnonymous = true, anonymousCredential = "nobody" });
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        Assert.Equal("anonymousCredential", problem.GetProperty("findings")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task LimitsOutOfBounds_AreAllNamed()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { limits = new { maximumPacketSize = 1, receiveMaximum = 0 } });
        var problem = await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        var fields = problem.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("field").GetString()).ToList();
        Assert.Contains("limits.maximumPacketSize", fields);
        Assert.Contains("limits.receiveMaximum", fields);
    }

    [Theory]
    [InlineData("maximumMessageRate", 0, 10_000_000)]
    [InlineData("maximumByteRate", 0, int.MaxValue)]
    [InlineData("maximumConnectRate", 0, 1_000_000)]
    [InlineData("maximumConnectRatePerAddress", 0, 1_000_000)]
    [InlineData("maximumConnectionsPerCredential", 0, 10_000_000)]
    [InlineData("maximumDurableBytes", 0, 1L << 50)]
    [InlineData("maximumMemoryPercent", 0, 95)]
    public async Task Limit_IsTakenFromItsLeastToItsMost(string name, long least, long most)
    {
        await using var host = await Host.StartAsync(cluster);
        foreach (var value in new[] { least, most })
        {
            using var taken = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { limits = new Dictionary<string, long> { [name] = value } });
            Assert.Equal(value, (await taken.OkAsync()).GetProperty("limits").GetProperty(name).GetInt64());
        }

        using var refused = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { limits = new Dictionary<string, long> { [name] = least - 1 } });
        await refused.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
        if (most < int.MaxValue || name == "maximumDurableBytes")
        {
            using var above = await host.Administrator.PutAsJsonAsync("api/v1/settings/mqtt", new { limits = new Dictionary<string, long> { [name] = most + 1 } });
            var problem = await above.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
            Assert.Equal($"limits.{name}", problem.GetProperty("findings")[0].GetProperty("field").GetString());
        }
    }

    [Fact]
    public async Task StaleIfMatch_Is412()
    {
        await using var host = await Host.StartAsync(cluster);
        using var request = new HttpRequestMessage(HttpMethod.Put, "api/v1/settings/mqtt") { Content = JsonContent.Create(new { }) };
        request.Headers.TryAddWithoutValidation("If-Match", "\"7\"");
        using var response = await host.Administrator.SendAsync(request);
        await response.ProblemAsync(HttpStatusCode.PreconditionFailed, "revision-conflict");
    }

    [Theory]
    [InlineData("tls", """{"minVersion":"1.1"}""")]
    [InlineData("tls", """{"handshakeTimeoutSeconds":61}""")]
    [InlineData("admin", """{"adminHttp":"closed"}""")]
    public async Task BadSettings_AreRefused(string name, string json)
    {
        await using var host = await Host.StartAsync(cluster);
        using var body = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await host.Administrator.PutAsync("api/v1/settings/" + name, body);
        await response.ProblemAsync(HttpStatusCode.BadRequest, "validation-failed");
    }

    [Fact]
    public async Task PlainHttp_CannotBeSwitchedOff_WithoutSsl()
    {
        await using var host = await Host.StartAsync(cluster);
        using var response = await host.Administrator.PutAsJsonAsync("api/v1/settings/admin", new { adminHttp = "off" });
        await response.ProblemAsync(HttpStatusCode.Conflict, "ssl-not-set-up");
    }
}
