using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Ssl;

[Collection(WithChromium.Name)]
public sealed class ServerKeyTests(Chromium chromium)
{
    [Fact]
    public async Task KeyMadeOnTheServer_IsSetUp_AndPlainHttpLeadsToHttps()
    {
        await using var broker = await BrokerProcess.StartAsync();
        await using var ui = await chromium.OpenAsync(broker);
        using var authority = new TestCertificates();
        await ui.SignInAsync("/configuration/system/certificates");

        await ui.Button("Make key").ClickAsync();
        await Expect(ui.Page.Locator("#private-key-state")).ToContainTextAsync("generated on this server");
        await ui.Label("Common name").FillAsync("localhost");
        await ui.Label("DNS names").FillAsync("localhost");
        await ui.Label("IP addresses").FillAsync("127.0.0.1");
        await ui.Button("Create CSR").ClickAsync();
        var request = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Certificate request" });
        await Expect(request).ToContainTextAsync("BEGIN CERTIFICATE REQUEST");
        await ui.CheckAsync("certificates-csr");
        using var certificate = authority.Sign((await request.TextContentAsync())!);
        await ui.UploadAsync("Server Certificate", "signed.crt", certificate.ExportCertificatePem());
        await Expect(ui.Page.Locator("#server-certificate-state .recognised")).ToBeVisibleAsync();
        await ui.UploadAsync("Root CA Chain", "chain.pem", authority.ChainPem);
        await Expect(ui.Page.Locator("#ca-chain-state .recognised")).ToBeVisibleAsync();
        await ui.Button("Setup SSL").ClickAsync();
        await Expect(ui.Button("Delete SSL")).ToBeVisibleAsync();

        await ui.Page.GetByRole(AriaRole.Link, new() { Name = "Web Server" }).ClickAsync();
        await ui.Page.GetByRole(AriaRole.Radio, new() { Name = "Lead to HTTPS" }).CheckAsync();
        await ui.CheckAsync("system-web-server");
        await ui.Button("Save plain HTTP").ClickAsync();

        // Led there by itself; the sign-in of plain HTTP does not count over HTTPS.
        await ui.Page.WaitForURLAsync($"https://127.0.0.1:{broker.Ports.Https}/**");
        await Expect(ui.Button("Sign in")).ToBeVisibleAsync();
        await ui.Page.GotoAsync($"http://127.0.0.1:{broker.Ports.Http}/configuration/system");
        await ui.FillSignInAsync("admin", BrokerOptions.DefaultPassword);
        await ui.Page.WaitForURLAsync($"https://127.0.0.1:{broker.Ports.Https}/configuration/system");
        await Expect(ui.Heading("Plain HTTP")).ToBeVisibleAsync();
    }
}
