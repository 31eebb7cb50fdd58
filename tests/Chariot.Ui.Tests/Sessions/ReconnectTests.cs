using Chariot.TestKit.Broker;
using Chariot.Ui.Tests.Kit;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Sessions;

[Collection(WithChromium.Name)]
public sealed class ReconnectTests(Chromium chromium)
{
    [Fact]
    public async Task DroppedCircuit_ComesBackByItself_AfterARestartToo()
    {
        await using var broker = await BrokerProcess.StartAsync();
        await using var ui = await chromium.OpenAsync(broker);
        await ui.SignInAsync("/configuration/accounts");
        // Stopped before its rows are there, the page would go on waiting for them and could not be looked at.
        await Expect(ui.Page.GetByText("admin (you)")).ToBeVisibleAsync();

        await broker.StopAsync();
        await Expect(ui.Page.GetByText("Connection to the broker lost")).ToBeVisibleAsync();
        await ui.CheckAsync("connection-lost");
        await broker.StartAgainAsync();

        // Without a click, and still signed in.
        await Expect(ui.Page.GetByText("Connection to the broker lost")).ToBeHiddenAsync();
        await Expect(ui.Page.GetByText("admin (you)")).ToBeVisibleAsync();
        await ui.Label("New username").FillAsync("after-the-restart");
        await ui.Button("Add account").ClickAsync();
        await Expect(ui.Page.GetByText("One-time password of after-the-restart")).ToBeVisibleAsync();
    }
}
