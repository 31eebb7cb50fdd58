using System.Net;
using Chariot.Admin.Tests.Kit;

namespace Chariot.Admin.Tests.Http;

/// <summary>How often one caller may ask.</summary>
[Collection(SharedCluster.Name)]
public sealed class RequestLimitTests(Cluster cluster)
{
    // So few that no machine is too slow to reach it.
    private const int Limit = 3;

    [Fact]
    public async Task TooManyRequestsOfOneCaller_AreRefused_AndThoseOfOthersAreNot()
    {
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:RequestsPerSecond", $"{Limit}");

        using var refused = await UntilRefusedAsync(() => host.Administrator.GetAsync("api/v1/credentials"));
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "too-many-requests");
        var wait = refused.Headers.RetryAfter?.Delta;
        Assert.InRange(wait!.Value.TotalSeconds, 1, 2);

        // Another token, and somebody who is not signed in.
        using var viewer = await host.Viewer.GetAsync("api/v1/credentials");
        Assert.Equal(HttpStatusCode.OK, viewer.StatusCode);
        using var nobody = await host.Nobody.GetAsync("api/v1/credentials");
        await nobody.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");

        await TestKit.Eventually.TrueAsync(
            async () =>
            {
                using var answer = await host.Administrator.GetAsync("api/v1/credentials");
                return answer.StatusCode == HttpStatusCode.OK;
            },
            "the caller is answered again");
    }

    [Fact]
    public async Task SignIns_OfOneAddress_AreCountedToo()
    {
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:RequestsPerSecond", $"{Limit}");

        using var refused = await UntilRefusedAsync(() => host.Nobody.PostAsync("api/v1/login", content: null));
        await refused.ProblemAsync(HttpStatusCode.TooManyRequests, "too-many-requests");
    }

    [Fact]
    public async Task HealthChecks_AreNeverRefused()
    {
        await using var host = await Host.StartOwnAsync(cluster, null, "Chariot:Admin:RequestsPerSecond", "1");
        for (var i = 0; i < 50; i++)
        {
            using var answer = await host.Nobody.GetAsync("healthz");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task WithoutALimit_NobodyIsRefused()
    {
        await using var host = await Host.StartOwnAsync(cluster);
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => host.Administrator.GetAsync("api/v1/account/none")));
        Assert.DoesNotContain(HttpStatusCode.TooManyRequests, answers.Select(a => a.StatusCode));
    }

    /// <summary>Asks many times at once until one is refused; a slow machine refills the bucket between rounds.</summary>
    private static async Task<HttpResponseMessage> UntilRefusedAsync(Func<Task<HttpResponseMessage>> ask)
    {
        for (var round = 0; round < 20; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 10 * Limit).Select(_ => ask()));
            if (answers.FirstOrDefault(a => a.StatusCode == HttpStatusCode.TooManyRequests) is { } refused)
            {
                return refused;
            }
        }

        throw new InvalidOperationException("nobody was refused");
    }
}
