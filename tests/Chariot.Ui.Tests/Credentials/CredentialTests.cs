using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Credentials;

[Collection(WithChromium.Name)]
public sealed class CredentialTests(Chromium chromium, Broker broker) : IClassFixture<Broker>
{
    private const string List = "/configuration/mqtt-credentials";

    private static readonly string[] FourFilters = ["a/#", "b/#", "c/#", "d/#"];

    [Fact]
    public async Task Credential_IsAdded_Used_Changed_Disabled_AndDeleted()
    {
        var port = broker.Process.Ports.Mqtt;
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(List);
        await ui.CheckAsync("credentials-empty");

        await ui.Page.GetByRole(AriaRole.Link, new() { Name = "Add credential" }).ClickAsync();
        await Expect(ui.Heading("Add credential")).ToBeVisibleAsync();
        await ui.Label("Username").FillAsync("line-1");
        // A line to type in is there at once; what stays empty is no entry.
        await ui.Button("Add to Publish ACL").ClickAsync();
        await ui.Label("Publish ACL, entry 1").FillAsync("plant/#/line");
        await Expect(ui.Page.Locator("#publishAcl-0-words")).ToContainTextAsync("acl.invalid-filter");
        await ui.CheckAsync("credential-error");
        await ui.Label("Publish ACL, entry 1").FillAsync("plant/%c/#");
        await Expect(ui.Page.Locator("#publishAcl-0-words")).ToHaveTextAsync("May publish to plant / (the client id) and everything below.");
        await ui.Label("Subscribe ACL, entry 1").FillAsync("!plant/secret");
        await Expect(ui.Page.Locator("#subscribeAcl-0-words")).ToHaveTextAsync("Must not subscribe to plant / secret; this wins over every other entry.");
        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "Add", Exact = true }).ClickAsync();

        await Expect(ui.Page.GetByText("shown this once")).ToBeVisibleAsync();
        var password = await ui.Page.GetByRole(AriaRole.Region, new() { Name = "Password" }).TextContentAsync();
        await ui.CheckAsync("credential-added");
        await using var client = await Mqtt.ConnectAsync(port, "press", "line-1", password);
        // 0x10: accepted, and nobody subscribes.
        Assert.True(await client.PublishAsync("plant/press/speed", "1", qos: 1) is 0x00 or 0x10);
        Assert.Equal(0x87, await client.PublishAsync("plant/other/speed", "1", qos: 1));

        // Not a second time.
        await ui.Page.ReloadAsync();
        await Expect(ui.Heading("MQTT Credential")).ToBeVisibleAsync();
        Assert.DoesNotContain(password!, await ui.Page.ContentAsync());

        await ui.Label("Client id").FillAsync("press");
        await ui.Label("Topic").FillAsync("plant/press/speed");
        await ui.Button("May it publish?").ClickAsync();
        await Expect(ui.Page.Locator(".acl-answer")).ToContainTextAsync("Line 1 decides: plant/%c/#");
        await ui.Label("Topic").FillAsync("plant/secret");
        await ui.Button("May it subscribe?").ClickAsync();
        await Expect(ui.Page.Locator(".acl-answer")).ToContainTextAsync("Line 1 decides: !plant/secret");
        await ui.CheckAsync("credential-explained");

        await ui.Label("Enabled").SetCheckedAsync(false);
        await ui.Button("Save").ClickAsync();
        await Expect(ui.Page.GetByText("Saved.")).ToBeVisibleAsync();
        Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);
        Assert.Equal(0x86, await Mqtt.KnockAsync(port, "line-1", password));

        await ui.Label("Enabled").SetCheckedAsync(true);
        await ui.Page.GetByRole(AriaRole.Radio, new() { Name = "Generate one" }).CheckAsync();
        await ui.Button("Save").ClickAsync();
        var second = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Password" });
        await Expect(second).ToBeVisibleAsync();
        Assert.Equal(0x86, await Mqtt.KnockAsync(port, "line-1", password));
        Assert.Equal(0x00, await Mqtt.KnockAsync(port, "line-1", await second.TextContentAsync()));

        await ui.Button("Delete").ClickAsync();
        await ui.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(ui.Heading("MQTT Credentials")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = "line-1" })).ToHaveCountAsync(0);
        Assert.Equal(0x86, await Mqtt.KnockAsync(port, "line-1", password));
    }

    [Fact]
    public async Task List_HasPages_AndIsSearched()
    {
        for (var i = 0; i < 60; i++)
        {
            (await broker.Process.Admin.PostAsync("credentials", new { username = $"sensor-{i:000}", publishAcl = FourFilters })).EnsureSuccess();
        }

        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(List);
        await ui.Label("Search: username begins with").FillAsync("sensor-");
        var rows = ui.Page.Locator("table.data tbody tr");
        await Expect(rows.First).ToContainTextAsync("sensor-000");
        await Expect(rows).ToHaveCountAsync(25);
        await ui.CheckAsync("credentials-filled");

        await ui.Button("Next").ClickAsync();
        await Expect(rows.First).ToContainTextAsync("sensor-025");
        await ui.Button("Next").ClickAsync();
        await Expect(rows).ToHaveCountAsync(10);
        await Expect(ui.Button("Next")).ToBeDisabledAsync();
        await ui.Button("Previous").ClickAsync();
        await Expect(rows.First).ToContainTextAsync("sensor-025");

        await ui.Label("Search: username begins with").FillAsync("sensor-05");
        await Expect(rows).ToHaveCountAsync(10);
        await ui.Label("Search: username begins with").FillAsync("nobody");
        await Expect(ui.Page.GetByText("No username begins with")).ToBeVisibleAsync();
    }
}
