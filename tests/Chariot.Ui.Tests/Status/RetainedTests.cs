using System.Text;
using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Status;

[Collection(WithChromium.Name)]
public sealed class RetainedTests(Chromium chromium, OpenBroker broker) : IClassFixture<OpenBroker>
{
    [Fact]
    public async Task Messages_AreBrowsedByLevel_ShownInEachForm_Found_AndDeleted()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/retained");
        await Expect(ui.Page.GetByText("No message is retained.")).ToBeVisibleAsync();
        await ui.CheckAsync("retained-none");

        await broker.RetainAsync(
            ("plant/press/7/state", """{"state":"running","since":"06:00","faults":[]}"""u8.ToArray()),
            ("plant/press/7/temperature", "71.5"u8.ToArray()),
            ("plant/press", "three presses"u8.ToArray()),
            ("plant/image", [0x89, 0x50, 0x4E, 0x47, 0x00, 0xFF]),
            ("/leading", "slash"u8.ToArray()));
        await ui.Button("Refresh").ClickAsync();
        await ui.Button("Levels below plant").ClickAsync();
        await ui.Button("Levels below press").ClickAsync();
        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "state , has a message" }).ClickAsync();
        var payload = ui.Page.Locator("pre.payload");
        await Expect(payload).ToContainTextAsync("\"state\": \"running\"");
        await Expect(ui.Page.GetByRole(AriaRole.Radio, new() { Name = "JSON" })).ToBeCheckedAsync();
        await Expect(ui.Page.Locator("[aria-current=true]")).ToContainTextAsync("state");
        await ui.CheckAsync("retained");
        await ui.Button("Dark colours").ClickAsync();
        await ui.CheckAsync("retained-dark");
        await ui.Button("Light colours").ClickAsync();
        await ui.Page.GetByText("text", new() { Exact = true }).ClickAsync();
        await Expect(payload).ToHaveTextAsync("""{"state":"running","since":"06:00","faults":[]}""");

        // A topic with a message and with levels below it; a payload that is no text; a first level without a name.
        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "press 1 below , has a message" }).ClickAsync();
        await Expect(payload).ToHaveTextAsync("three presses");
        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "image , has a message" }).ClickAsync();
        await Expect(payload).ToContainTextAsync("89 50 4e 47 00 ff");
        await Expect(payload).ToContainTextAsync(".PNG..");
        await ui.Page.GetByText("text", new() { Exact = true }).ClickAsync();
        await Expect(ui.Page.GetByText("This is no UTF-8 text")).ToBeVisibleAsync();
        await ui.Button("Levels below (empty level)").ClickAsync();
        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "leading , has a message" }).ClickAsync();
        await Expect(payload).ToHaveTextAsync("slash");

        var find = ui.Page.GetByLabel("Find by topic filter");
        await find.FillAsync("plant/#/x");
        await Expect(ui.Page.GetByText("This is no topic filter")).ToBeVisibleAsync();
        await ui.CheckAsync("retained-bad-filter");
        await find.FillAsync("plant/+/+/temperature");
        await ui.Button("plant/press/7/temperature").ClickAsync();
        await Expect(payload).ToHaveTextAsync("71.5");

        await ui.Button("Delete message").ClickAsync();
        await ui.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete", Exact = true }).ClickAsync();
        await Expect(ui.Page.GetByText("No retained message is on a topic that matches")).ToBeVisibleAsync();
        await using var late = await broker.ConnectAsync(new ConnectPacket { ClientId = "late" });
        await late.SubscribeAsync("plant/press/7/+");
        Assert.Equal(["plant/press/7/state"], (await late.DrainPublishesAsync()).Select(p => p.Topic));
        Assert.Equal("not-found", (await broker.Process.Admin.GetAsync("topics/retained/plant/press/7/temperature")).Problem);

        await using var viewer = await chromium.OpenAsync(broker.Process);
        await viewer.SignInAsync("/retained", OpenBroker.Viewer, OpenBroker.ViewerPassword);
        await viewer.Page.GetByLabel("Find by topic filter").FillAsync("plant/press");
        await viewer.Button("plant/press").ClickAsync();
        await Expect(viewer.Page.Locator("pre.payload")).ToHaveTextAsync("three presses");
        await Expect(viewer.Button("Delete message")).ToHaveCountAsync(0);
        await viewer.CheckAsync("retained-viewer");

        await using var phone = await chromium.OpenAsync(broker.Process, options => options.ViewportSize = new ViewportSize { Width = 390, Height = 844 });
        await phone.SignInAsync("/retained");
        await phone.Button("Levels below plant").ClickAsync();
        await phone.Page.GetByRole(AriaRole.Button, new() { Name = "image , has a message" }).ClickAsync();
        await Expect(phone.Page.Locator("pre.payload")).ToBeVisibleAsync();
        await phone.CheckAsync("retained-phone");
        await phone.ExpectNoSidewaysScrollAsync();
    }
}
