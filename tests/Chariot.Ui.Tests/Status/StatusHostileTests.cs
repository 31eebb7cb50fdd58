using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Status;

/// <summary>Whatever clients call themselves and their topics is text on every status page, and says what it is.</summary>
[Collection(WithChromium.Name)]
public sealed class StatusHostileTests(Chromium chromium, OpenBroker broker) : IClassFixture<OpenBroker>
{
    private const string Script = "<script>window.hit=1</script><img src=x onerror=\"window.hit=2\">'&amp;";
    private const string ScriptName = "<script>window.hit=4</script>";
    private const string Turned = "press\u202E7\u200Bgpj";
    private const string TurnedShown = "press\\u{202E}7\\u{200B}gpj";

    private static readonly string[] Everything = ["#"];

    // The longest that the default limits let in.
    private static readonly string Long = "long-" + new string('w', 123);
    private static readonly string LongTopic = string.Join('/', Enumerable.Repeat(new string('t', 30), 32));

    [Fact]
    public async Task HostileClientsAndTopics_AreShownAsText()
    {
        (await broker.Process.Admin.PostAsync("credentials", new { username = Script, password = "a password", publishAcl = Everything, subscribeAcl = Everything })).EnsureSuccess();
        await using var script = await broker.ConnectAsync(new ConnectPacket
        {
            ClientId = Script, Username = Script, Password = "a password", WillTopic = "will/" + Script, WillPayload = [1],
        });
        Assert.Equal(0, await script.SubscribeAsync("sub/" + Script));
        Assert.Equal(0, await script.SubscribeAsync("sub/" + Turned));
        await using var turned = await broker.ConnectAsync(new ConnectPacket { ClientId = Turned });
        await using var longest = await broker.ConnectAsync(new ConnectPacket { ClientId = Long });
        await using var slashes = await broker.ConnectAsync(new ConnectPacket { ClientId = "../%2e%2e/?id=x#y" });
        await broker.RetainAsync(
            (Script, System.Text.Encoding.UTF8.GetBytes($"{{\"html\":\"{Script.Replace("\"", "\\\"", StringComparison.Ordinal)}\"}}")),
            ("ctl/\u0001\u001B[31mred\r\nnext", "\u0007bell \u202Eturned\nline"u8.ToArray()),
            (LongTopic, [0xFF]));
        // A refused sign-in writes a stranger's words into the audit log.
        using (var stranger = new AdminClient(broker.Process.Ports.Http, "no", ScriptName))
        {
            await stranger.TryLoginAsync();
        }

        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/clients");
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = Script, Exact = true })).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText(TurnedShown)).ToBeVisibleAsync();
        await ui.CheckAsync("hostile-clients");
        await ui.Page.GetByLabel("Search client id, username, address").FillAsync("<SCRIPT>");
        await Expect(ui.Page.GetByText("1 client", new() { Exact = true })).ToBeVisibleAsync();
        await ui.Page.GetByRole(AriaRole.Link, new() { Name = Script, Exact = true }).ClickAsync();
        await Expect(ui.Heading(Script)).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("will/" + Script)).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("sub/" + Script)).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("sub/" + TurnedShown)).ToBeVisibleAsync();
        await ui.CheckAsync("hostile-client");
        await ui.Button("Disconnect").ClickAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("<script>window.hit=1</script>");
        await ui.Button("Cancel").ClickAsync();
        foreach (var other in new[] { Long, "../%2e%2e/?id=x#y" })
        {
            await ui.Page.GotoAsync("/clients");
            await ui.Page.GetByRole(AriaRole.Link, new() { Name = other[..Math.Min(80, other.Length)] }).ClickAsync();
            await Expect(ui.Heading(other)).ToBeVisibleAsync();
        }

        await ui.CheckAsync("hostile-client-path");
        await ui.Page.GotoAsync("/retained");
        await ui.Button("Levels below ctl").ClickAsync();
        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "\\u{0001}\\u{001B}[31mred\\u{000D}\\u{000A}next" }).ClickAsync();
        await Expect(ui.Page.Locator("pre.payload")).ToHaveTextAsync("\\u{0007}bell \\u{202E}turned\nline");
        await ui.Page.GetByLabel("Find by topic filter").FillAsync("+/+");
        var found = ui.Page.GetByRole(AriaRole.List, new() { Name = "Topics found" }).GetByRole(AriaRole.Button);
        await found.Filter(new() { HasText = "<script>" }).ClickAsync();
        await Expect(ui.Page.Locator("pre.payload")).ToContainTextAsync("window.hit=2");
        await ui.CheckAsync("hostile-retained");
        await ui.Page.GetByLabel("Find by topic filter").FillAsync(LongTopic);
        await found.Filter(new() { HasText = "tttt" }).ClickAsync();
        await Expect(ui.Page.Locator("pre.payload")).ToContainTextAsync("ff");
        await ui.CheckAsync("hostile-retained-long");
        await ui.ExpectNoSidewaysScrollAsync();

        await ui.Page.GotoAsync("/audit");
        await ui.Label("Who").FillAsync("<script>");
        await ui.Label("Who").PressAsync("Enter");
        await Expect(ui.Page.Locator("tbody tr")).ToHaveCountAsync(1);
        await Expect(ui.Page.Locator("tbody tr")).ToContainTextAsync("<script>");
        await ui.CheckAsync("hostile-audit");
        await ui.Page.GotoAsync("/");
        await Expect(ui.Page.Locator(".tiles")).ToBeVisibleAsync();

        Assert.False(await ui.Page.EvaluateAsync<bool>("'hit' in window"));
        Assert.Equal(0, await ui.Page.Locator("img[src=x]").CountAsync());
    }
}
