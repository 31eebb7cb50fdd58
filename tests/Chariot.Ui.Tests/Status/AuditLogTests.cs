using System.Text.Json;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Status;

[Collection(WithChromium.Name)]
public sealed class AuditLogTests(Chromium chromium, OpenBroker broker) : IClassFixture<OpenBroker>
{
    [Fact]
    public async Task Entries_AreFilteredInTheViewersTime_Paged_AndExported()
    {
        var admin = broker.Process.Admin;
        for (var i = 0; i < 30; i++)
        {
            await admin.CreateCredentialAsync($"device-{i:D2}", "a password", ["#"], []);
        }

        (await admin.DeleteAsync("credentials/device-07")).EnsureSuccess();

        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/audit");
        var rows = ui.Page.Locator("tbody tr");
        await Expect(rows).ToHaveCountAsync(50);
        await ui.CheckAsync("audit");
        await ui.Button("Dark colours").ClickAsync();
        await ui.Page.GetByText("Before and after").First.ClickAsync();
        await ui.CheckAsync("audit-dark");
        await ui.Button("Older").ClickAsync();
        await Expect(rows.First).ToBeVisibleAsync();
        await Expect(ui.Button("Older")).ToBeDisabledAsync();
        await ui.Button("Newer").ClickAsync();
        await Expect(rows).ToHaveCountAsync(50);

        await ui.Label("Target").FillAsync("DEVICE-07");
        await ui.Label("Target").PressAsync("Enter");
        await Expect(rows).ToHaveCountAsync(4);
        await ui.Label("Action").FillAsync("delete");
        await ui.Label("Outcome").FillAsync("applied");
        await ui.Label("Outcome").PressAsync("Enter");
        await Expect(rows).ToHaveCountAsync(1);
        await Expect(rows).ToContainTextAsync("credential.delete");
        await Expect(rows).ToContainTextAsync("127.0.0.1");

        // The browser is in Tokyo: the cell says its time, and the filter means it.
        var at = DateTimeOffset.Parse((await rows.Locator("chariot-time").GetAttributeAsync("datetime"))!, System.Globalization.CultureInfo.InvariantCulture);
        var tokyo = at.ToOffset(TimeSpan.FromHours(9));
        await Expect(rows).ToContainTextAsync(tokyo.ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture));
        await ui.Label("To").FillAsync(tokyo.ToString("yyyy-MM-dd'T'HH:mm", System.Globalization.CultureInfo.InvariantCulture));
        await ui.Label("From").FillAsync(tokyo.ToString("yyyy-MM-dd'T'HH:mm", System.Globalization.CultureInfo.InvariantCulture));
        await ui.Label("From").PressAsync("Tab");
        await Expect(ui.Page.GetByRole(AriaRole.Link, new() { Name = "Export CSV" })).ToHaveAttributeAsync("href", new System.Text.RegularExpressions.Regex("from=.*to="));
        await Expect(rows).ToHaveCountAsync(1);

        var csv = await DownloadAsync(ui, "Export CSV");
        Assert.EndsWith(".csv", csv.Name);
        var lines = csv.Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.EndsWith("id,at,actor,address,action,target,outcome,detail", lines[0]);
        Assert.Contains("\"credential.delete\",\"device-07\",\"applied\"", lines[1]);
        var json = await DownloadAsync(ui, "Export JSON");
        var entry = Assert.Single(JsonDocument.Parse(json.Text).RootElement.EnumerateArray());
        Assert.Equal("device-07", entry.GetProperty("target").GetString());

        await ui.Label("From").FillAsync(tokyo.AddDays(1).ToString("yyyy-MM-dd'T'HH:mm", System.Globalization.CultureInfo.InvariantCulture));
        await ui.Label("From").PressAsync("Tab");
        await Expect(ui.Page.GetByText("No entry matches")).ToBeVisibleAsync();
        await ui.CheckAsync("audit-none-dark");
        await ui.Button("Clear the filter").ClickAsync();
        await Expect(rows).ToHaveCountAsync(50);
    }

    [Fact]
    public async Task Viewer_ReadsAndExportsTheLog()
    {
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/audit", OpenBroker.Viewer, OpenBroker.ViewerPassword);
        await ui.Label("Action").FillAsync("account.create");
        await ui.Label("Action").PressAsync("Enter");
        await Expect(ui.Page.Locator("tbody tr").Filter(new() { HasText = "account.create" })).ToHaveCountAsync(2);
        Assert.Contains("account.create", (await DownloadAsync(ui, "Export JSON")).Text);
    }

    private static async Task<(string Name, string Text)> DownloadAsync(UiSession ui, string link)
    {
        var download = await ui.Page.RunAndWaitForDownloadAsync(() => ui.Page.GetByRole(AriaRole.Link, new() { Name = link }).ClickAsync());
        await using var stream = await download.CreateReadStreamAsync();
        using var reader = new StreamReader(stream);
        return (download.SuggestedFilename, await reader.ReadToEndAsync());
    }
}
