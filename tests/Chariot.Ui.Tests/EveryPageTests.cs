using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests;

/// <summary>Every page: light and dark, wide and on a phone.</summary>
[Collection(WithChromium.Name)]
public sealed class EveryPageTests(Chromium chromium, Broker broker) : IClassFixture<Broker>
{
    public static TheoryData<string, string> Pages() => new()
    {
        { "/", "Dashboard" },
        { "/clients", "Clients" },
        { "/retained", "Retained Messages" },
        { "/nodes", "Nodes" },
        { "/audit", "Audit Log" },
        { "/configuration/mqtt-server", "MQTT Server" },
        { "/configuration/mqtt-credentials", "MQTT Credentials" },
        { "/configuration/mqtt-credentials/new", "Add credential" },
        { "/configuration/system", "System" },
        { "/configuration/system/certificates", "System" },
        { "/configuration/system/client-certificates", "System" },
        { "/configuration/accounts", "Accounts" },
    };

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Page_IsAccessible(string path, string heading)
    {
        var name = path.Trim('/').Replace('/', '-') is { Length: > 0 } trimmed ? trimmed : "dashboard";
        await using (var wide = await chromium.OpenAsync(broker.Process))
        {
            await wide.SignInAsync(path);
            await Expect(wide.Heading(heading)).ToBeVisibleAsync();
            await wide.CheckAsync(name + "-empty");
            await wide.Button("Dark colours").ClickAsync();
            await wide.CheckAsync(name + "-empty-dark");
        }

        await using var phone = await chromium.OpenAsync(broker.Process, options => options.ViewportSize = new ViewportSize { Width = 390, Height = 844 });
        await phone.SignInAsync(path);
        await Expect(phone.Heading(heading)).ToBeVisibleAsync();
        await phone.CheckAsync(name + "-empty-phone");
        Assert.True(await phone.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways");
    }

    [Fact]
    public async Task SignInPage_IsAccessible()
    {
        await using var ui = await chromium.OpenAsync(broker.Process, options => options.ColorScheme = ColorScheme.Dark);
        await ui.Page.GotoAsync("/login?error=not-signed-in");
        await ui.CheckAsync("login-error-dark");
        await ui.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await ui.CheckAsync("login-error");
    }
}
