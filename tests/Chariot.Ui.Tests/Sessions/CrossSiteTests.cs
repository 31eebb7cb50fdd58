using System.Net;
using System.Net.WebSockets;
using Chariot.TestKit.Broker;
using Chariot.Ui.Tests.Kit;

namespace Chariot.Ui.Tests.Sessions;

/// <summary>What another site can make a signed-in browser send.</summary>
public sealed class CrossSiteTests(Broker broker) : IClassFixture<Broker>
{
    private string Root => $"http://127.0.0.1:{broker.Process.Ports.Http}";

    [Theory]
    [InlineData("POST", "/api/v1/ssl/setup")]
    [InlineData("DELETE", "/api/v1/ssl")]
    [InlineData("PUT", "/api/v1/ssl/files/private-key")]
    [InlineData("POST", "/session/end")]
    public async Task ChangeByCookie_WithoutAntiforgeryToken_IsRefused(string method, string path)
    {
        using var http = await SignedInAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = new MultipartFormDataContent { { new ByteArrayContent([1]), "file", "x" } } };
        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("urn:chariot:error:antiforgery", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("http://evil.example")]
    [InlineData("http://127.0.0.1:1")]
    [InlineData("null")]
    public async Task Circuit_OfAForeignOrigin_IsRefused(string origin)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Origin", origin);
        socket.Options.SetRequestHeader("Cookie", await CookieAsync());

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new Uri(Root.Replace("http", "ws", StringComparison.Ordinal) + "/_blazor"), CancellationToken.None));
        Assert.Equal(HttpStatusCode.Forbidden, socket.HttpStatusCode);
    }

    [Fact]
    public async Task Circuit_WithoutSignIn_IsRefused()
    {
        using var http = new HttpClient { BaseAddress = new Uri(Root) };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/_blazor/negotiate?negotiateVersion=1");
        request.Headers.Add("Origin", Root);
        using var answer = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Pages_AllowNoScriptOfOthersAndNoneInline()
    {
        using var http = await SignedInAsync();
        using var answer = await http.GetAsync("/configuration/system");

        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("script-src 'self';", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.DoesNotContain("unsafe-eval", policy);
        var html = await answer.Content.ReadAsStringAsync();
        Assert.DoesNotMatch("<script(?![^>]* src=)", html);
        Assert.DoesNotContain("//", html.Replace("http://www.w3.org", "", StringComparison.Ordinal).Split("<!--Blazor")[0]);
    }

    private async Task<HttpClient> SignedInAsync()
    {
        var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = new Uri(Root) };
        http.DefaultRequestHeaders.Add("Cookie", await CookieAsync());
        return http;
    }

    /// <summary>The cookie holds the token that the API's sign-in answers with.</summary>
    private async Task<string> CookieAsync()
    {
        using var admin = new AdminClient(broker.Process.Ports.Http, BrokerOptions.DefaultPassword);
        return "chariot-session=" + (string)(await admin.TryLoginAsync()).EnsureSuccess().Body!["accessToken"]!;
    }
}
