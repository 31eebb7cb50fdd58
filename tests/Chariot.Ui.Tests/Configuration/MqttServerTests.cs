using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Configuration;

[Collection(WithChromium.Name)]
public sealed class MqttServerTests(Chromium chromium, Broker broker) : IClassFixture<Broker>
{
    private const string Page = "/configuration/mqtt-server";

    private static readonly string[] Lobby = ["lobby/#"];

    [Fact]
    public async Task Anonymous_IsAllowed_Bounded_AndForbiddenAgain()
    {
        var port = broker.Process.Ports.Mqtt;
        (await broker.Process.Admin.PostAsync("credentials", new { username = "guests", publishAcl = Lobby, subscribeAcl = Lobby })).EnsureSuccess();
        Assert.Equal(0x87, await Mqtt.KnockAsync(port));
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(Page);

        await ui.Label("Allow Anonymous").SetCheckedAsync(true);
        await Expect(ui.Page.GetByText("Anyone who reaches the broker may publish and subscribe on every topic")).ToBeVisibleAsync();
        await SaveAsync(ui);
        await ui.CheckAsync("mqtt-server-anonymous");
        await using var client = await Mqtt.ConnectAsync(port, "visitor");
        Assert.NotEqual(0x87, await client.PublishAsync("plant/valve", "open", qos: 1));

        // The page counts who is affected, anew with each save.
        await ui.Label("Anonymous MQTT Credentials").FillAsync("gue");
        await ui.Page.Locator(".mud-popover-open .mud-list-item", new() { HasText = "guests" }).ClickAsync();
        await Expect(ui.Page.GetByText("May publish to lobby and everything below.")).ToBeVisibleAsync();
        await SaveAsync(ui);
        await Expect(ui.Page.GetByText("1 anonymous client is connected now")).ToBeVisibleAsync();
        await ui.CheckAsync("mqtt-server-mapped");
        Assert.Equal(0x87, await client.PublishAsync("plant/valve", "open", qos: 1));
        Assert.NotEqual(0x87, await client.PublishAsync("lobby/bell", "ring", qos: 1));

        await ui.Label("Allow Anonymous").SetCheckedAsync(false);
        await SaveAsync(ui);
        Assert.NotNull(await client.ReadToCloseAsync());
        Assert.Equal(0x87, await Mqtt.KnockAsync(port));
    }

    [Fact]
    public async Task LimitOutOfRange_IsRefusedAtItsField()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(Page);
        await ui.Page.GetByText("Limits", new() { Exact = true }).ClickAsync();

        await ui.Label("Longest client id (bytes)").FillAsync("7");
        await ui.Label("Longest topic (bytes)").FillAsync("0");
        await ui.Button("Save").ClickAsync();

        await Expect(ui.Page.GetByText("limits.maximumClientIdLength is 7; it must be 23 to 65535")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("limits.maximumTopicLength is 0")).ToBeVisibleAsync();
        await ui.CheckAsync("mqtt-server-error");
    }

    private static async Task SaveAsync(UiSession ui)
    {
        var before = (string?)(await ui.Broker.Admin.GetAsync("settings/mqtt")).EnsureSuccess().Body!["revision"]?.ToJsonString();
        await ui.Button("Save").ClickAsync();
        await TestKit.Eventually.TrueAsync(async () => (await ui.Broker.Admin.GetAsync("settings/mqtt")).EnsureSuccess().Body!["revision"]?.ToJsonString() != before, "the settings are saved", seconds: 60);
        await Expect(ui.Button("Save")).ToBeEnabledAsync();
    }
}
