using System.Net;
using Chariot.Admin.Tests.Kit;
using Microsoft.Extensions.Options;

namespace Chariot.Admin.Tests.Http;

/// <summary>By which names the admin host may be asked for.</summary>
[Collection(SharedCluster.Name)]
public sealed class HostGateTests(Cluster cluster)
{
    private const string List = "mqtt.plant.example; *.lines.plant.example, 10.0.0.7;[fd00::7]";

    [Theory]
    [InlineData("mqtt.plant.example", true)]
    [InlineData("MQTT.plant.example:8080", true)]
    [InlineData("one.lines.plant.example", true)]
    [InlineData("10.0.0.7:8080", true)]
    [InlineData("[fd00::7]:8080", true)]
    [InlineData("localhost:8080", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("[::1]:8080", true)]
    [InlineData("evil.example", false)]
    [InlineData("lines.plant.example", false)]
    [InlineData("mqtt.plant.example.evil.example", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("10.0.0.8", false)]
    [InlineData("127.0.0.1.evil.example", false)]
    public async Task Host_IsAnsweredWhenItIsOnTheList(string name, bool isAnswered)
    {
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:AllowedHosts", List);
        using var answer = await AskAsync(host, "api/v1/credentials", name);
        if (isAnswered)
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        else
        {
            await answer.ProblemAsync(HttpStatusCode.BadRequest, "unknown-host");
        }
    }

    [Fact]
    public async Task HealthChecks_AreAnsweredUnderAnyName()
    {
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:AllowedHosts", List);
        using var answer = await AskAsync(host, "healthz", "10.244.0.17:8080");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task WithoutAList_EveryNameIsAnswered()
    {
        await using var host = await Host.StartAsync(cluster);
        using var answer = await AskAsync(host, "api/v1/credentials", "any.example");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("*", true)]
    [InlineData("", true)]
    [InlineData("a.example;*", true)]
    [InlineData("*.plant.example", true)]
    [InlineData("https://plant.example", false)]
    [InlineData("plant.example:8443", false)]
    [InlineData("plant example", false)]
    [InlineData("*.10.0.0.7", false)]
    [InlineData("fd00::7", false)]
    public void WrongEntry_EndsTheStart(string list, bool isValid) =>
        Assert.Equal(isValid, new AdminOptionsValidator().Validate(null, new AdminOptions { AllowedHosts = list }) == ValidateOptionsResult.Success);

    private static async Task<HttpResponseMessage> AskAsync(Host host, string path, string name)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Host = name;
        return await host.Administrator.SendAsync(request);
    }
}
