using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests;

/// <summary>What is at an address where nothing is.</summary>
[Collection(WithChromium.Name)]
public sealed class UnknownAddressTests(Chromium chromium, Broker broker) : IClassFixture<Broker>
{
    [Fact]
    public async Task UnknownAddress_IsAPageForABrowser_AndAProblemForAProgram()
    {
        await using var ui = await chromium.OpenAsync(broker.Process, options => options.ColorScheme = ColorScheme.Dark);
        var answer = await ui.Page.GotoAsync("/configuration/no-such-page?<script>");
        Assert.Equal(404, answer!.Status);
        await Expect(ui.Heading("There is nothing at this address")).ToBeVisibleAsync();
        await ui.CheckAsync("unknown-address-dark");
        await ui.Page.GetByRole(AriaRole.Link, new() { Name = "go to the dashboard" }).ClickAsync();
        await Expect(ui.Button("Sign in")).ToBeVisibleAsync();

        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{broker.Process.Ports.Http}/") };
        Assert.Equal(("application/problem+json", 404), await AskAsync(http, "no-such-page", "*/*"));
        Assert.Equal(("application/problem+json", 404), await AskAsync(http, "api/v1/no-such-thing", "text/html"));
    }

    private static async Task<(string? Type, int Status)> AskAsync(HttpClient http, string path, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd(accept);
        using var answer = await http.SendAsync(request);
        return (answer.Content.Headers.ContentType?.MediaType, (int)answer.StatusCode);
    }
}
