using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Status;

[Collection(WithChromium.Name)]
public sealed class ClientTests(Chromium chromium, OpenBroker broker) : IClassFixture<OpenBroker>
{
    [Fact]
    public async Task Client_AppearsByItself_IsShownInFull_Disconnected_AndItsSessionRemoved()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/clients");
        await Expect(ui.Page.GetByText("No client has a session")).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await ui.CheckAsync("clients-empty");

        await using var press = await broker.ConnectAsync(new ConnectPacket
        {
            ClientId = "press/7", Clean = false, SessionExpiry = 3600, WillTopic = "plant/press/7/state", WillPayload = "lost"u8.ToArray(), WillQos = 1, WillRetain = true,
        });
        Assert.Equal(1, await press.SubscribeAsync("plant/+/orders", options: 1));
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = "press/7" })).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await ui.CheckAsync("clients-one");
        await ui.Page.GetByRole(AriaRole.Link, new() { Name = "press/7" }).ClickAsync();

        await Expect(ui.Heading("press/7")).ToBeVisibleAsync();
        var main = ui.Page.Locator("main");
        await Expect(main).ToContainTextAsync("MQTT 5.0, without TLS");
        await Expect(main).ToContainTextAsync("1 hour after the connection");
        await Expect(main).ToContainTextAsync("plant/press/7/state");
        await Expect(main).ToContainTextAsync("1, retained");
        await Expect(ui.Page.GetByRole(AriaRole.Row, new() { Name = "plant/+/orders 1 active" })).ToBeVisibleAsync();
        await ui.CheckAsync("client");
        await ui.Button("Dark colours").ClickAsync();
        await ui.CheckAsync("client-dark");

        await ui.Button("Disconnect").ClickAsync();
        var dialog = ui.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("press/7");
        await ui.CheckAsync("client-disconnect-dark");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Disconnect", Exact = true }).ClickAsync();
        var last = await press.WaitForAsync(PacketType.Disconnect, TimeSpan.FromSeconds(30));
        Assert.Equal(0x98, last.Reason);
        await Expect(main).ToContainTextAsync("away");
        await Expect(ui.Button("Disconnect")).ToHaveCountAsync(0);

        await ui.Button("Remove session").ClickAsync();
        await Expect(dialog).ToContainTextAsync("1 subscription");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Remove session" }).ClickAsync();
        await Expect(main).ToContainTextAsync("no node has a session");
        Assert.Equal("not-found", (await broker.Process.Admin.GetAsync("clients/press%2F7")).Problem);
        await ui.CheckAsync("client-gone-dark");
    }

    [Fact]
    public async Task SuspendedSubscription_IsSaidToBeSuspended()
    {
        var admin = broker.Process.Admin;
        await admin.CreateCredentialAsync("line", "a password", ["#"], ["a/#", "b/#"]);
        await using var client = await broker.ConnectAsync(new ConnectPacket { ClientId = "line-1", Username = "line", Password = "a password" });
        await client.SubscribeAsync("a/1");
        await client.SubscribeAsync("b/1");
        await admin.SetAclAsync("line", ["#"], ["a/#"]);

        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/clients/client?id=line-1");
        await Expect(ui.Page.GetByRole(AriaRole.Row, new() { Name = "a/1 0 active" })).ToBeVisibleAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "b/1" })).ToContainTextAsync("suspended");
        await ui.CheckAsync("client-suspended");
    }

    [Fact]
    public async Task UnknownClient_IsSaidToBeUnknown()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/clients/client?id=nobody");
        await Expect(ui.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("No node knows this client");
        await ui.CheckAsync("client-unknown");
    }

    [Fact]
    public async Task Viewer_SeesClients_AndCannotDisconnectThem()
    {
        await using var client = await broker.ConnectAsync(new ConnectPacket { ClientId = "seen-by-viewer" });
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/clients", OpenBroker.Viewer, OpenBroker.ViewerPassword);
        await ui.Page.GetByRole(AriaRole.Link, new() { Name = "seen-by-viewer" }).ClickAsync();
        await Expect(ui.Heading("seen-by-viewer")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Button, new() { Name = "Disconnect" })).ToHaveCountAsync(0);
        var status = await ui.Page.EvaluateAsync<int>(
            "fetch('/api/v1/clients/seen-by-viewer', { method: 'DELETE', headers: { 'Chariot-Antiforgery': document.querySelector('meta[name=chariot-antiforgery]').content } }).then(answer => answer.status)");
        Assert.Equal(403, status);
        await ui.CheckAsync("client-viewer");
    }

    [Fact]
    public async Task FiveThousandClients_ArePagedAndFound()
    {
        const int Clients = 5000;
        await using var crowd = await Crowd.ConnectAsync(broker.Process.Ports.Mqtt, Clients, "meter-");
        // One that is not searched for: the count says when the search has been made.
        await using var other = await broker.ConnectAsync(new ConnectPacket { ClientId = "a-reader" });
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/clients");
        await Expect(ui.Page.GetByText("5,001 clients", new() { Exact = true })).ToBeVisibleAsync();
        var search = ui.Page.GetByLabel("Search client id, username, address");
        await search.FillAsync("METER-");
        await Expect(ui.Page.GetByText("5,000 clients", new() { Exact = true })).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("Page 1 of 200")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = "meter-00000" })).ToBeVisibleAsync();
        await ui.Button("Next").ClickAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = "meter-00025" })).ToBeVisibleAsync();
        await ui.CheckAsync("clients-5000");

        await search.FillAsync("meter-04321");
        await Expect(ui.Page.GetByText("1 client", new() { Exact = true })).ToBeVisibleAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = "meter-04321" })).ToBeVisibleAsync();
        await ui.Page.GetByText("Away", new() { Exact = true }).ClickAsync();
        await Expect(ui.Page.GetByText("No client that is away matches")).ToBeVisibleAsync();

        var answer = await broker.Process.Admin.GetAsync("clients?search=meter-&connected=true&limit=1");
        Assert.Equal(Clients, (int)answer.EnsureSuccess().Body!["total"]!);
    }
}
