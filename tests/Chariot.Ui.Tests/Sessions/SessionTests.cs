using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Sessions;

[Collection(WithChromium.Name)]
public sealed class SessionTests(Chromium chromium, Broker broker) : IClassFixture<Broker>
{
    [Fact]
    public async Task SignIn_LeadsToThePageThatWasAskedFor_AndSignOutEndsIt()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);

        await ui.SignInAsync("/configuration/mqtt-server");
        await Expect(ui.Heading("MQTT Server")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = "SSL Not Setup" })).ToBeVisibleAsync();
        await Expect(ui.Label("Allow Anonymous")).Not.ToBeCheckedAsync();

        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "Account admin" }).ClickAsync();
        await ui.Page.GetByText("Sign out").ClickAsync();
        await Expect(ui.Button("Sign in")).ToBeVisibleAsync();
        await ui.Page.GotoAsync("/configuration/mqtt-server");
        await Expect(ui.Button("Sign in")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Cookie_IsOutOfReachForScripts()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync();

        var cookie = Assert.Single(await ui.Context.CookiesAsync(), c => c.Name == "chariot-session");
        Assert.True(cookie.HttpOnly);
        Assert.Equal(SameSiteAttribute.Strict, cookie.SameSite);
        Assert.DoesNotContain("chariot", await ui.Page.EvaluateAsync<string>("document.cookie"));
    }

    [Fact]
    public async Task Guessing_IsSlowedDown_AndThePageSaysForHowLong()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.Page.GotoAsync("/login");
        var alert = ui.Page.GetByRole(AriaRole.Alert);
        for (var i = 0; i < 20; i++)
        {
            await ui.FillSignInAsync("nobody", $"guess {i}");
            await Expect(alert).ToBeVisibleAsync();
            if ((await alert.TextContentAsync())!.Contains("too-many-attempts", StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail("twenty wrong passwords, and no wait");
    }
}
