using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Accounts;

[Collection(WithChromium.Name)]
public sealed class AccountTests(Chromium chromium, Broker broker) : IClassFixture<Broker>
{
    private const string Page = "/configuration/accounts";

    [Fact]
    public async Task Viewer_SeesEverything_ChangesNothing_AndIsOutAtOnceWhenDeleted()
    {
        await using var admin = await chromium.OpenAsync(broker.Process);
        await admin.SignInAsync(Page);
        await admin.Label("New username").FillAsync("vera");
        await admin.Button("Add account").ClickAsync();
        await Expect(admin.Page.GetByText("One-time password of vera")).ToBeVisibleAsync();
        var oneTime = (await admin.Page.GetByRole(AriaRole.Region, new() { Name = "One-time password" }).TextContentAsync())!;
        await admin.CheckAsync("accounts-added");

        await using var viewer = await chromium.OpenAsync(broker.Process);
        await viewer.Page.GotoAsync("/");
        await viewer.FillSignInAsync("vera", oneTime);
        await viewer.Label("Current password").FillAsync(oneTime);
        await viewer.Label("New password").FillAsync("only looking here");
        await viewer.Label("New password, again").FillAsync("only looking here");
        await viewer.Button("Change password").ClickAsync();
        await Expect(viewer.Heading("Dashboard")).ToBeVisibleAsync();

        await viewer.Page.GotoAsync("/configuration/mqtt-server");
        await Expect(viewer.Label("Allow Anonymous")).ToBeDisabledAsync();
        await Expect(viewer.Button("Save")).ToHaveCountAsync(0);
        await viewer.CheckAsync("mqtt-server-viewer");
        await viewer.Page.GotoAsync("/configuration/system/certificates");
        await Expect(viewer.Page.GetByText("your role is viewer")).ToBeVisibleAsync();
        await Expect(viewer.Page.Locator("input[type=file]")).ToHaveCountAsync(0);
        await viewer.Page.GotoAsync("/configuration/mqtt-credentials");
        await Expect(viewer.Heading("MQTT Credentials")).ToBeVisibleAsync();
        await Expect(viewer.Page.GetByRole(AriaRole.Link, new() { Name = "Add credential" })).ToHaveCountAsync(0);
        await viewer.Page.GotoAsync(Page);
        await Expect(viewer.Page.GetByText("vera (you)")).ToBeVisibleAsync();
        await Expect(viewer.Button("Add account")).ToHaveCountAsync(0);

        // The API refuses what the pages do not offer.
        var status = await viewer.Page.EvaluateAsync<int>(
            "fetch('/api/v1/ssl', { method: 'DELETE', headers: { 'Chariot-Antiforgery': document.querySelector('meta[name=chariot-antiforgery]').content } }).then(answer => answer.status)");
        Assert.Equal(403, status);

        await admin.Button("Delete vera").ClickAsync();
        await admin.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(viewer.Button("Sign in")).ToBeVisibleAsync();
        await Expect(viewer.Page.GetByText("Your session has ended")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Token_IsShownOnce_Works_AndIsRevoked()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(Page);
        await ui.Label("Token name").FillAsync("monitoring");
        await ui.Button("Create token").ClickAsync();
        var shown = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Token", Exact = true });
        await Expect(shown).ToBeVisibleAsync();
        var token = (await shown.TextContentAsync())!;
        Assert.Equal(200, await CallAsync(token));
        await ui.CheckAsync("accounts-token");

        await ui.Page.ReloadAsync();
        await Expect(ui.Button("Revoke monitoring")).ToBeVisibleAsync();
        Assert.DoesNotContain(token, await ui.Page.ContentAsync());
        await ui.Button("Revoke monitoring").ClickAsync();
        await ui.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Revoke" }).ClickAsync();
        await Expect(ui.Button("Revoke monitoring")).ToHaveCountAsync(0);
        Assert.Equal(401, await CallAsync(token));
    }

    private async Task<int> CallAsync(string token)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{broker.Process.Ports.Http}") };
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var answer = await http.GetAsync("/api/v1/nodes");
        return (int)answer.StatusCode;
    }
}
