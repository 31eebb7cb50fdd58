using System.Diagnostics;
using System.Globalization;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Sessions;

/// <summary>Somebody who has never seen the product, three files in hand: from the sign-in page to the first encrypted message.</summary>
[Collection(WithChromium.Name)]
public sealed class FirstPublishTests(Chromium chromium)
{
    // Sign in, the guide's Certificates, three files, Setup SSL, add a credential, Add. All else is typed, and then pasted.
    private const int FewestClicks = 8;

    private int _clicks;

    [Fact]
    public async Task FirstEncryptedPublish_TakesEightClicks()
    {
        await using var broker = await BrokerProcess.StartAsync();
        await using var ui = await chromium.OpenAsync(broker);
        using var files = new TestCertificates("mqtt.plant.example");
        using var folder = new TempDirectory();
        var chain = folder.Write("root-chain.pem", files.ChainPem);
        await ui.Page.GotoAsync("/");
        var watch = Stopwatch.StartNew();

        await ui.Label("Username").FillAsync("admin");
        await ui.Label("Password").FillAsync(BrokerOptions.DefaultPassword);
        await ClickAsync(ui, ui.Button("Sign in"));
        await Expect(ui.Heading("Set-up guide")).ToBeVisibleAsync();
        await ui.CheckAsync("walk-1-guide");
        await ClickAsync(ui, ui.Page.Locator(".guide").GetByRole(AriaRole.Link, new() { Name = "Upload the files" }));
        await Expect(ui.Button("Setup SSL")).ToBeInViewportAsync();
        await ui.CheckAsync("walk-2-certificates");
        await ChooseAsync(ui, "private-key", folder.Write("server.key", files.KeyPkcs8Pem));
        await ChooseAsync(ui, "server-certificate", folder.Write("server.crt", files.ServerPem));
        await ChooseAsync(ui, "ca-chain", chain);
        await ui.CheckAsync("walk-3-recognised");
        await ClickAsync(ui, ui.Button("Setup SSL"));
        await Expect(ui.Page.GetByText("SSL is set up.")).ToBeVisibleAsync();
        await ui.CheckAsync("walk-4-set-up");
        await ClickAsync(ui, ui.Page.GetByRole(AriaRole.Link, new() { Name = "add a credential for your clients" }));
        await ui.Label("Username").FillAsync("line-1");
        await ui.Label("Publish ACL, entry 1").FillAsync("plant/%c/#");
        await ui.CheckAsync("walk-5-credential");
        await ClickAsync(ui, ui.Button("Add"));
        var command = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Publish command" });
        await Expect(command).ToBeInViewportAsync();
        var text = await command.TextContentAsync();
        await ui.CheckAsync("walk-6-command");

        // Pasted as it stands, in the folder with the files. Retained, so that the broker can be asked whether it took it.
        var run = await Command.RunAsync("bash", ["-c", $"{text} -q 1 -r"], folder.Path);
        Assert.True(run.ExitCode == 0, $"{text}\n{run}");
        (await broker.Admin.GetAsync("topics/retained/plant/first-client/hello")).EnsureSuccess();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"walk: {_clicks} clicks, {watch.Elapsed.TotalSeconds:F1} s from the sign-in page to the first encrypted publish"));
        Assert.StartsWith($"mosquitto_pub -h 127.0.0.1 -p {broker.Ports.Mqtts} --cafile root-chain.pem -u line-1 -P ", text);
        Assert.Equal(FewestClicks, _clicks);
    }

    /// <summary>What has to be scrolled to is a place of hesitation.</summary>
    private async Task ClickAsync(UiSession ui, ILocator what)
    {
        await Expect(what).ToBeInViewportAsync();
        await what.ClickAsync();
        _clicks++;
        await Expect(ui.Page.Locator(".loading")).ToHaveCountAsync(0);
    }

    private async Task ChooseAsync(UiSession ui, string slot, string path)
    {
        var label = ui.Page.Locator($"label[for={slot}-file]");
        await Expect(label).ToBeInViewportAsync();
        var chooser = await ui.Page.RunAndWaitForFileChooserAsync(() => label.ClickAsync());
        _clicks++;
        await chooser.SetFilesAsync(path);
        await Expect(ui.Page.Locator($"#{slot}-state .recognised")).ToBeVisibleAsync();
    }
}
