using System.Net;
using Chariot.Admin.Tests.Kit;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Admin.Tests.Http;

[Collection(SharedCluster.Name)]
public sealed class RoutePolicyTests(Cluster cluster)
{
    private static readonly string[] Open = ["/healthz", "/readyz", "/login", "/api/v1/login", "/openapi/{documentName}.json"];

    // Changes nothing, though it is a POST.
    private static readonly string[] ReadByPost = ["/api/v1/acl/explain", "/api/v1/logout", "/api/v1/account/password"];

    [Fact]
    public async Task EveryRoute_HasThePolicyOfItsMethod()
    {
        await using var host = await Host.StartAsync(cluster);
        var routes = Routes(host);
        Assert.True(routes.Count > 40, $"only {routes.Count} routes");
        foreach (var (method, pattern, endpoint) in routes)
        {
            var policies = endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(a => a.Policy).ToList();
            if (Open.Contains(pattern))
            {
                Assert.NotNull(endpoint.Metadata.GetMetadata<IAllowAnonymous>());
                continue;
            }

            Assert.True(endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null, $"{method} {pattern} is open to all");
            var expected = method == "GET" || ReadByPost.Contains(pattern) ? "read" : "change";
            Assert.True(policies.SequenceEqual([expected]), $"{method} {pattern} has policies [{string.Join(',', policies)}], not {expected}");
        }
    }

    [Fact]
    public async Task EveryRouteWithAPolicy_RefusesCallersWithoutToken()
    {
        await using var host = await Host.StartAsync(cluster);
        foreach (var (method, pattern, _) in Routes(host).Where(r => !Open.Contains(r.Pattern)))
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), Concrete(pattern));
            using var response = await host.Nobody.SendAsync(request);
            await response.ProblemAsync(HttpStatusCode.Unauthorized, "not-signed-in");
        }
    }

    [Fact]
    public async Task EveryChangingRoute_RefusesViewers()
    {
        await using var host = await Host.StartAsync(cluster);
        foreach (var (method, pattern, _) in Routes(host).Where(r => !Open.Contains(r.Pattern) && r.Method != "GET" && !ReadByPost.Contains(r.Pattern)))
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), Concrete(pattern));
            using var response = await host.Viewer.SendAsync(request);
            await response.ProblemAsync(HttpStatusCode.Forbidden, "forbidden");
        }

        Assert.Empty(host.Audit.Entries);
    }

    [Fact]
    public async Task ViewersRead()
    {
        await using var host = await Host.StartAsync(cluster);
        host.Edges.Add("n1");
        foreach (var (_, pattern, _) in Routes(host).Where(r => r.Method == "GET" && !r.Pattern.Contains('{')))
        {
            using var response = await host.Viewer.GetAsync(pattern);
            Assert.True(response.StatusCode == HttpStatusCode.OK, $"{pattern}: {response.StatusCode}");
        }
    }

    private static string Concrete(string pattern) => pattern.Replace("{**topic}", "a/b", StringComparison.Ordinal).Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal);

    private static List<(string Method, string Pattern, RouteEndpoint Endpoint)> Routes(Host host) =>
    [
        .. from endpoint in host.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
           from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods
           select (method, "/" + endpoint.RoutePattern.RawText!.Trim('/'), endpoint),
    ];
}
