using System.Text.RegularExpressions;
using Chariot.TestKit.Certificates;
using Chariot.Ui.Tests.Kit;
using Chariot.Ui.Tests.Status;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Ssl;

/// <summary>Which client certificates are accepted, and whose they are, as an administrator sees it.</summary>
[Collection(WithChromium.Name)]
public sealed class ClientCertificateTests(Chromium chromium, TlsBroker broker) : IClassFixture<TlsBroker>
{
    private const string Page = "/configuration/system/client-certificates";
    private const string Hostile = "<img src=x onerror=window.hit=1>\u202Efdp";

    private static readonly object Device = new { match = "cn", value = "device-1", username = "press" };

    [Fact]
    public async Task ClientCa_IsUploaded_AndRemovedWithTheClientsOnIt()
    {
        using var authority = new TestClientAuthority();
        using var certificate = authority.Issue("device-1");
        await broker.ResetAsync(authority: null, Device);
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(Page);
        await Expect(ui.Page.GetByText("No client CA is set up, so no client certificate is accepted and no client can connect over TLS.")).ToBeVisibleAsync();
        await CheckBothAsync(ui, "client-certificates-empty");

        await ui.UploadAsync("Client CA file", "device-1.crt", certificate.ExportCertificatePem());
        await Expect(ui.Page.Locator("#client-ca-state")).ToContainTextAsync("client-ca.not-a-ca");
        await CheckBothAsync(ui, "client-certificates-error");

        await ui.UploadAsync("Client CA file", "clients.pem", authority.Pem);
        await Expect(ui.Page.Locator("#client-ca-state .recognised")).ToContainTextAsync("1 root");
        var table = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Client CA" });
        await Expect(table).ToContainTextAsync("CN=Plant Client Root");
        await Expect(table).ToContainTextAsync(new Regex(@"18\d\d days"));
        await Expect(ui.Page.GetByText("No client CA is set up")).ToHaveCountAsync(0);

        await using var client = await broker.ConnectAsync("on-the-ca", certificate);
        await ui.Button("Remove client CA").ClickAsync();
        var dialog = ui.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("1 client is connected with a certificate now; it is disconnected.");
        await Expect(dialog).ToContainTextAsync("no client can connect over TLS until there is a client CA again");
        await ui.CheckAsync("client-certificates-remove");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
        await Expect(ui.Page.GetByText("Removed.")).ToBeVisibleAsync();
        Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);
        await Expect(ui.Page.GetByText("No client CA is set up, so")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task RevokedSerial_ClosesItsClient_UntilItIsTakenBack()
    {
        using var authority = new TestClientAuthority();
        using var certificate = authority.Issue("device-1");
        var serial = TestClientAuthority.SerialOf(certificate);
        await broker.ResetAsync(authority, Device);
        await using var client = await broker.ConnectAsync("stolen", certificate);
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(Page);

        await ui.Label("Serial number").FillAsync("no serial");
        await ui.Button("Revoke").ClickAsync();
        await Expect(ui.Page.GetByText("A serial number is 1 to 40 hex digits. (serial.invalid)")).ToBeVisibleAsync();
        await CheckBothAsync(ui, "client-certificates-serial-error");

        // As openssl writes it.
        await ui.Label("Serial number").FillAsync("serial=" + certificate.SerialNumber);
        await ui.Button("Revoke").ClickAsync();
        await Expect(ui.Page.GetByText("Revoked, and 1 client disconnected.")).ToBeVisibleAsync();
        Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);
        var table = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Revoked serial numbers" });
        await Expect(table).ToContainTextAsync(serial);
        await Expect(ui.Label("Serial number")).ToHaveValueAsync("");

        await ui.Label("Serial number").FillAsync(serial);
        await ui.Button("Revoke").ClickAsync();
        await Expect(ui.Page.GetByText("serial.known")).ToBeVisibleAsync();

        await ui.Button($"Remove {serial}").ClickAsync();
        await ui.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
        await Expect(ui.Page.GetByText("Removed.")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("No serial number is revoked by hand.")).ToBeVisibleAsync();
        await using var again = await broker.ConnectAsync("found", certificate);
    }

    [Fact]
    public async Task RevocationList_IsUploaded_AndRemoved()
    {
        using var authority = new TestClientAuthority("Listing Root");
        using var other = new TestClientAuthority("Other Root");
        using var certificate = authority.Issue("device-1");
        await broker.ResetAsync(authority, Device);
        await using var client = await broker.ConnectAsync("listed", certificate);
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(Page);
        await Expect(ui.Page.GetByText("Get the current list from the CA and upload it.")).ToBeVisibleAsync();

        await UploadListAsync(ui, other.Revoke(1, [certificate]));
        await Expect(ui.Page.Locator("#crl-state .finding-error").First).ToBeVisibleAsync();
        await UploadListAsync(ui, authority.Revoke(19, [certificate]));
        await Expect(ui.Page.Locator("#crl-state")).ToContainTextAsync("Uploaded.");
        var table = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Revocation lists" });
        await Expect(table).ToContainTextAsync("CN=Listing Root");
        await Expect(table.Locator("td").Nth(1)).ToHaveTextAsync("19");
        await Expect(table.Locator("td").Nth(2).Locator("chariot-time")).ToBeVisibleAsync();
        await Expect(table).ToContainTextAsync("1 certificate");
        Assert.Equal(0x87, (await client.ReadToCloseAsync())?.Reason);

        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "Remove the list of" }).ClickAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("revokes 1 certificate; it is accepted again");
        await ui.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Remove" }).ClickAsync();
        await Expect(ui.Page.GetByText("There is no revocation list.")).ToBeVisibleAsync();
        await using var again = await broker.ConnectAsync("accepted", certificate);
    }

    [Fact]
    public async Task Mapping_IsAdded_Edited_AndDeleted()
    {
        using var authority = new TestClientAuthority();
        using var certificate = authority.Issue("device-7");
        await broker.ResetAsync(authority);
        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync(Page);
        await Expect(ui.Page.GetByText("No certificate stands for a credential yet")).ToBeVisibleAsync();

        await ui.Label("Value").FillAsync("device-*");
        await ChooseUserAsync(ui, "dri");
        await ui.Button("Add mapping").ClickAsync();
        await Expect(ui.Page.GetByText("The value has a wildcard; names are compared whole. (mapping.value)")).ToBeVisibleAsync();
        await CheckBothAsync(ui, "client-certificates-mapping-error");
        await ui.Label("Value").FillAsync("device-7");
        await ui.Button("Add mapping").ClickAsync();
        var table = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Mapping to MQTT credentials" });
        await Expect(table).ToContainTextAsync("device-7");
        await Expect(table.GetByRole(AriaRole.Link, new() { Name = "drill" })).ToBeVisibleAsync();
        await using var client = await broker.ConnectAsync("mapped", certificate);
        Assert.Equal("drill", (string?)(await broker.Admin.GetAsync("clients/mapped")).Body!["username"]);

        // Somebody else from now on, so the connection ends.
        await ui.Button("Edit line 1").ClickAsync();
        await Expect(ui.Label("Value")).ToHaveValueAsync("device-7");
        await ChooseUserAsync(ui, "pre");
        await ui.Button("Save mapping").ClickAsync();
        await Expect(table.GetByRole(AriaRole.Link, new() { Name = "press" })).ToBeVisibleAsync();
        Assert.NotNull(await client.ReadToCloseAsync());
        await using var again = await broker.ConnectAsync("mapped-again", certificate);
        Assert.Equal("press", (string?)(await broker.Admin.GetAsync("clients/mapped-again")).Body!["username"]);

        await ui.Button("Delete line 1").ClickAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("1 client with a certificate is connected as press now.");
        await ui.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await Expect(ui.Page.GetByText("No certificate stands for a credential yet")).ToBeVisibleAsync();
        Assert.NotNull(await again.ReadToCloseAsync());
    }

    [Fact]
    public async Task FilledPage_IsAccessible_HasPages_AndAViewerChangesNothing()
    {
        using var authority = new TestClientAuthority($"\"{Hostile}\"");
        using var certificate = authority.Issue("device-1");
        await broker.ResetAsync(authority, [Device, .. Enumerable.Range(0, 30).Select(i => new { match = "san-uri", value = $"urn:plant:{i}:<script>window.hit=2</script>", username = "drill" })]);
        var serials = Enumerable.Range(1, 60).Select(i => $"7f{i:x4}").ToList();
        (await broker.Admin.PostAsync("client-ca/revoked", new { serialNumbers = serials })).EnsureSuccess();
        (await broker.Admin.PutFileAsync("client-ca/crls/" + authority.Sha256, authority.Revoke(3, [certificate], DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddDays(-1)), Hostile + ".crl")).EnsureSuccess();
        try
        {
            await using (var ui = await chromium.OpenAsync(broker.Process))
            {
                await ui.SignInAsync(Page);
                await Expect(ui.Page.GetByText("crl.expired")).ToBeVisibleAsync();
                await Expect(ui.Page.GetByText("<script>window.hit=2</script>").First).ToBeVisibleAsync();
                Assert.DoesNotContain("\u202E", await ui.Page.Locator("main").InnerTextAsync());
                await CheckBothAsync(ui, "client-certificates-filled");

                var rows = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Revoked serial numbers" }).Locator("tbody tr");
                await Expect(rows).ToHaveCountAsync(10);
                await ui.Button("Next serial numbers").ClickAsync();
                await Expect(rows.First).ToContainTextAsync(serials[10]);
                await ui.Label("Search: serial number has").FillAsync("003c");
                await Expect(rows).ToHaveCountAsync(1);

                var lines = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Mapping to MQTT credentials" }).Locator("tbody tr");
                await Expect(lines).ToHaveCountAsync(25);
                await ui.Label("Search: value or username has").FillAsync("plant:29");
                await Expect(lines).ToHaveCountAsync(1);
                await ui.Button("Up by one, line 31").ClickAsync();
                await Expect(lines.First.Locator("td").First).ToHaveTextAsync("30");
                Assert.False(await ui.Page.EvaluateAsync<bool>("'hit' in window"));
                Assert.Equal(0, await ui.Page.Locator("img[src=x]").CountAsync());
            }

            await using var viewer = await chromium.OpenAsync(broker.Process);
            await viewer.SignInAsync(Page, TlsBroker.Viewer, TlsBroker.ViewerPassword);
            await Expect(viewer.Page.GetByText("crl.expired")).ToBeVisibleAsync();
            await Expect(viewer.Page.Locator("main input[type=file]")).ToHaveCountAsync(0);
            await Expect(viewer.Page.Locator("main .text-button")).ToHaveCountAsync(0);
            foreach (var button in new[] { "Remove client CA", "Revoke", "Add mapping" })
            {
                await Expect(viewer.Button(button)).ToHaveCountAsync(0);
            }

            await viewer.CheckAsync("client-certificates-viewer");
        }
        finally
        {
            foreach (var serial in serials)
            {
                (await broker.Admin.DeleteAsync("client-ca/revoked/" + serial)).EnsureSuccess();
            }

            (await broker.Admin.DeleteAsync("client-ca/crls/" + authority.Sha256)).EnsureSuccess();
        }
    }

    private static async Task ChooseUserAsync(UiSession ui, string prefix)
    {
        await ui.Label("Username").FillAsync(prefix);
        await ui.Page.Locator(".mud-popover-open .mud-list-item", new() { HasText = prefix }).ClickAsync();
    }

    private static async Task UploadListAsync(UiSession ui, byte[] list) =>
        await ui.Label("Upload Revocation list").SetInputFilesAsync(new FilePayload { Name = "plant.crl", MimeType = "application/pkix-crl", Buffer = list });

    /// <summary>Light and dark, and dark on a phone.</summary>
    private static async Task CheckBothAsync(UiSession ui, string state)
    {
        await ui.CheckAsync(state);
        await ui.Button("Dark colours").ClickAsync();
        await ui.CheckAsync(state + "-dark");
        await ui.Page.SetViewportSizeAsync(390, 844);
        await ui.CheckAsync(state + "-phone");
        await ui.ExpectNoSidewaysScrollAsync();
        await ui.Page.SetViewportSizeAsync(1280, 900);
        await ui.Button("Light colours").ClickAsync();
    }
}
