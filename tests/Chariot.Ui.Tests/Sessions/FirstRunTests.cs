using System.Text.RegularExpressions;
using Chariot.TestKit.Broker;
using Chariot.Ui.Tests.Kit;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Sessions;

[Collection(WithChromium.Name)]
public sealed partial class FirstRunTests(Chromium chromium)
{
    [Fact]
    public async Task FirstRun_LeadsFromTheOneTimePasswordToTheDashboard()
    {
        await using var broker = await BrokerProcess.StartAsync(new BrokerOptions { AdminPassword = null });
        var password = OneTimePassword().Match(broker.Output).Groups[1].Value;
        await using var ui = await chromium.OpenAsync(broker);

        await ui.Page.GotoAsync("/");
        await Expect(ui.Heading("Chariot MQTT Server")).ToBeVisibleAsync();
        await ui.FillSignInAsync("admin", password);

        await Expect(ui.Heading("Change the password")).ToBeVisibleAsync();
        await ui.Page.GotoAsync("/configuration/mqtt-server");
        await Expect(ui.Heading("Change the password")).ToBeVisibleAsync();

        await ui.Label("Current password").FillAsync(password);
        await ui.Label("New password").FillAsync("a plant in the desert");
        await ui.Label("New password, again").FillAsync("a plant in the dessert");
        await ui.Button("Change password").ClickAsync();
        await Expect(ui.Page.GetByRole(Microsoft.Playwright.AriaRole.Alert)).ToContainTextAsync("differ");

        await ui.Label("Current password").FillAsync(password);
        await ui.Label("New password").FillAsync("a plant in the desert");
        await ui.Label("New password, again").FillAsync("a plant in the desert");
        await ui.Button("Change password").ClickAsync();
        await Expect(ui.Heading("Dashboard")).ToBeVisibleAsync();
    }

    [GeneratedRegex(@"one-time password[^:]*: (\S+)")]
    private static partial Regex OneTimePassword();
}
