using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Status;

[Collection(WithChromium.Name)]
public sealed class DashboardTests(Chromium chromium, OpenBroker broker) : IClassFixture<OpenBroker>
{
    [Fact]
    public async Task Dashboard_FollowsTheTraffic()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/");
        var clients = ui.Page.Locator(".tiles > div").Filter(new() { HasText = "Clients connected" });
        await Expect(clients).ToContainTextAsync("0 sessions");
        await Expect(ui.Page.GetByText("No client has connected yet")).ToBeVisibleAsync();

        await using var subscriber = await broker.ConnectAsync(new ConnectPacket { ClientId = "subscriber" });
        await subscriber.SubscribeAsync("load/#");
        await using var publisher = await broker.ConnectAsync(new ConnectPacket { ClientId = "publisher" });
        using var stop = new CancellationTokenSource();
        var load = PublishAsync(publisher, subscriber, stop.Token);
        await Expect(clients).ToContainTextAsync("2 sessions", new() { Timeout = 30_000 });
        foreach (var name in new[] { "Messages in", "Messages out" })
        {
            var tile = ui.Page.Locator(".tiles > div").Filter(new() { HasText = name });
            await Expect(tile.Locator("dd").First).ToHaveTextAsync(new System.Text.RegularExpressions.Regex("^[1-9]|^0[.][1-9]"), new() { Timeout = 30_000 });
        }

        // A chart says in words what it draws, and draws it.
        await Expect(ui.Page.GetByRole(AriaRole.Img, new() { NameRegex = new("^Messages in over the last 5 minutes. .*: now [0-9.,]+.s, at most ") })).ToBeVisibleAsync();
        await Expect(ui.Page.Locator(".chart-plot path.chart-line").First).ToHaveAttributeAsync("d", new System.Text.RegularExpressions.Regex("M[0-9. ]+(L[0-9. ]+){3,}"), new() { Timeout = 60_000 });
        await Expect(ui.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "ready" })).ToBeVisibleAsync();
        await ui.CheckAsync("dashboard");
        await ui.Button("Dark colours").ClickAsync();
        await ui.CheckAsync("dashboard-dark");
        await ui.Page.SetViewportSizeAsync(390, 844);
        await ui.CheckAsync("dashboard-phone-dark");
        await ui.ExpectNoSidewaysScrollAsync();
        await stop.CancelAsync();
        await load;

        var traffic = (await broker.Process.Admin.GetAsync("nodes/traffic")).EnsureSuccess().Body!["items"]!.AsArray();
        Assert.Contains(Assert.Single(traffic)!["samples"]!.AsArray(), s =>
            (double)s!["messagesReceived"]! > 0 && (double)s["messagesDelivered"]! > 0 && (double)s["bytesReceived"]! > 0 && (double)s["bytesSent"]! > 0);
    }

    [Fact]
    public async Task Nodes_SayRevisionListenersAndCertificate()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/nodes");
        var main = ui.Page.Locator("main");
        await Expect(main).ToContainTextAsync("none: SSL is not set up");
        await Expect(main).ToContainTextAsync($"mqtt://");
        await Expect(main).ToContainTextAsync($":{broker.Process.Ports.Mqtt}");
        await Expect(main.GetByText("ready", new() { Exact = true })).ToBeVisibleAsync();
        await ui.CheckAsync("nodes");
        await ui.Button("Dark colours").ClickAsync();
        await ui.CheckAsync("nodes-dark");
        await ui.Page.SetViewportSizeAsync(390, 844);
        await ui.CheckAsync("nodes-phone-dark");
        await ui.ExpectNoSidewaysScrollAsync();
    }

    private static async Task PublishAsync(RawMqttClient publisher, RawMqttClient subscriber, CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!cancel.IsCancellationRequested)
        {
            await publisher.PublishAsync("load/x", "y", qos: 1);
            await subscriber.ReadPublishAsync(TimeSpan.FromSeconds(30));
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
