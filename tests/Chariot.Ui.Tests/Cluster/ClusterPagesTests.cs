using Chariot.SystemTests.Cluster;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Stores;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Cluster;

/// <summary>What pages say while nodes or the store are away: the error states that one healthy broker cannot have.</summary>
[Collection(WithChromium.Name)]
public sealed class ClusterPagesTests(Chromium chromium)
{
    [Fact]
    public async Task LostNode_AndLostStore_AreSaidOnEveryPage()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var nodes = new ClusterNodes("postgres", await postgres.CreateDatabaseAsync());
        var lost = await nodes.StartAsync("lost", "edge", ("Chariot:Health:Port", $"{BrokerPorts.Free()}"));
        await nodes.StartAsync("kept", "edge", ("Chariot:Health:Port", $"{BrokerPorts.Free()}"));
        var admin = await nodes.StartAsync("admin", "admin");
        await using var ui = await chromium.OpenAsync(admin, options => options.ColorScheme = ColorScheme.Light);
        await ui.SignInAsync("/nodes");
        await Expect(ui.Heading("lost")).ToBeVisibleAsync();

        await lost.Kill9Async();
        // The other silos vote it out first, which takes as long as the machine lets it.
        await Expect(ui.Page.GetByText("It was stopped, or cannot be reached.")).ToBeVisibleAsync(new() { Timeout = 240_000 });
        await ui.LookAllWaysAsync("nodes-error");
        await GoAsync(ui, "Dashboard");
        await Expect(ui.Page.GetByText("is absent since")).ToBeVisibleAsync();
        await ui.LookAllWaysAsync("dashboard-error");

        await postgres.KillAsync();
        // In the circuit: a page that is loaded anew would ask the store who signs in.
        foreach (var (link, name) in new[] { ("Audit Log", "audit"), ("MQTT Credentials", "configuration-mqtt-credentials") })
        {
            await GoAsync(ui, link);
            await Expect(ui.Page.Locator(".refusal")).ToBeVisibleAsync();
            await ui.LookAllWaysAsync(name + "-error");
        }

        await GoAsync(ui, "System");
        await ui.Page.GetByRole(AriaRole.Radio, new() { Name = "TLS 1.3 only" }).CheckAsync();
        await ui.Button("Save TLS").ClickAsync();
        await Expect(ui.Page.Locator(".refusal")).ToBeVisibleAsync();
        await ui.LookAllWaysAsync("configuration-system-error");
    }

    private static async Task GoAsync(UiSession ui, string link)
    {
        await ui.Page.Locator(".mud-drawer").GetByRole(AriaRole.Link, new() { Name = link, Exact = true }).ClickAsync();
        await Expect(ui.Heading(link)).ToBeVisibleAsync();
    }
}
