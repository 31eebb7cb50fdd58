using Chariot.TestKit.Certificates;
using Chariot.TestKit.Mqtt;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Ssl;

/// <summary>The whole life of a certificate, as an administrator sees it.</summary>
[Collection(WithChromium.Name)]
public sealed class SetupSslTests(Chromium chromium)
{
    private const string Page = "/configuration/system/certificates";

    [Fact]
    public async Task SetupSsl_ThenReplace_ThenDelete()
    {
        await using var broker = await Chariot.TestKit.Broker.BrokerProcess.StartAsync();
        await using var ui = await chromium.OpenAsync(broker);
        using var files = new TestCertificates();
        using var successor = new TestCertificates("mqtt.plant.example");
        await ui.SignInAsync();
        await ui.CheckAsync("dashboard-guide");

        // The indicator of the header leads to the form.
        await ui.Page.GetByRole(AriaRole.Link, new() { Name = "SSL Not Setup" }).First.ClickAsync();
        await Expect(ui.Button("Setup SSL")).ToBeVisibleAsync();
        await ui.CheckAsync("certificates-empty");

        // A wrong file is refused where it was put, with what to do.
        await ui.UploadAsync("Private Key", "server.crt", files.ServerPem);
        await Expect(ui.Page.Locator("#private-key-state")).ToContainTextAsync("key.is-certificate");
        await ui.CheckAsync("certificates-error");

        await ui.UploadAllAsync(files);
        await Expect(ui.Page.Locator("#private-key-state")).ToContainTextAsync("RSA 2048");
        await Expect(ui.Page.Locator("#server-certificate-state")).ToContainTextAsync("CN=localhost");
        await Expect(ui.Page.Locator("#ca-chain-state")).ToContainTextAsync("1 intermediate");

        // Each is right by itself; together they are not, and the page says so before anything is set up.
        await ui.UploadAsync("Private Key", "other.key", successor.KeyPkcs1Pem);
        await Expect(ui.Page.Locator("#server-certificate-state")).ToContainTextAsync("bundle.key-mismatch");
        await ui.Button("Setup SSL").ClickAsync();
        await Expect(ui.Page.GetByText("Nothing was changed").First).ToBeVisibleAsync();
        await ui.CheckAsync("certificates-mismatch");
        await ui.UploadAsync("Private Key", "server.key", files.KeyPkcs8Pem);
        await Expect(ui.Page.GetByText("bundle.key-mismatch")).ToHaveCountAsync(0);
        await ui.CheckAsync("certificates-staged");

        await ui.Button("Setup SSL").ClickAsync();
        await Expect(ui.Page.Locator(".mud-appbar .ssl-indicator")).ToHaveTextAsync("SSL Setup");
        await Expect(ui.Heading("SSL Certificate")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText(files.ServerFingerprint)).ToBeVisibleAsync();
        await Expect(ui.Page.Locator(".chain > li > .chain > li > .chain > li")).ToContainTextAsync("CN=localhost");
        await Expect(ui.Page.GetByText("chain.pem")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("this certificate")).ToBeVisibleAsync();
        await ui.CheckAsync("certificates-setup");
        Assert.DoesNotContain("PRIVATE KEY", await ui.Page.ContentAsync());
        await using (var client = await RawMqttClient.DialAsync(broker.Ports.Mqtts, trustedRoot: files.Root))
        {
            Assert.Equal(files.Server.RawData, client.ServerCertificate!.RawData);
        }

        // On over HTTPS, where the sign-in of plain HTTP is worth nothing.
        await ui.Page.GetByRole(AriaRole.Link, new() { Name = $"https://127.0.0.1:{broker.Ports.Https}{Page}" }).ClickAsync();
        await ui.FillSignInAsync("admin", Chariot.TestKit.Broker.BrokerOptions.DefaultPassword);
        await Expect(ui.Button("Delete SSL")).ToBeVisibleAsync();
        var cookie = Assert.Single(await ui.Context.CookiesAsync(), c => c.Name == "__Host-chariot-session");
        Assert.True(cookie is { Secure: true, HttpOnly: true, SameSite: SameSiteAttribute.Strict });

        await ui.Button("Replace").ClickAsync();
        await ui.UploadAllAsync(successor, "new-");
        await ui.CheckAsync("certificates-replace");
        await ui.Button("Replace SSL").ClickAsync();
        await Expect(ui.Page.GetByText(successor.ServerFingerprint)).ToBeVisibleAsync();

        await using var victim = await RawMqttClient.DialAsync(broker.Ports.Mqtts, trustedRoot: successor.Root);
        await ui.Button("Delete SSL").ClickAsync();
        await Expect(ui.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("The secure listeners close");
        await ui.CheckAsync("certificates-delete");
        await ui.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Delete SSL" }).ClickAsync();

        // The page was led to where the broker still is.
        await ui.Page.WaitForURLAsync($"http://127.0.0.1:{broker.Ports.Http}/**");
        await Expect(ui.Page.Locator(".mud-appbar .ssl-indicator").Or(ui.Button("Sign in"))).ToBeVisibleAsync();
        await ui.Page.GotoAsync($"http://127.0.0.1:{broker.Ports.Http}{Page}");
        await Expect(ui.Button("Setup SSL").Or(ui.Button("Sign in"))).ToBeVisibleAsync();
        Assert.Equal("NotSetup", (string?)(await broker.Admin.GetAsync("ssl")).Body!["state"]);
    }
}
