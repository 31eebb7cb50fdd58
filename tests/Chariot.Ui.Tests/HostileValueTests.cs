using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests;

/// <summary>Names chosen by strangers are text, wherever they are shown. A violated policy fails the session at its end.</summary>
[Collection(WithChromium.Name)]
public sealed class HostileValueTests(Chromium chromium, Broker broker) : IClassFixture<Broker>
{
    private const string Hostile = "<img src=x onerror=\"window.hit=1\"><script>window.hit=2</script>";
    private const string RightToLeft = "user\u202Etxt.exe";

    [Fact]
    public async Task HostileNames_AreShownAsText()
    {
        (await broker.Process.Admin.PostAsync("credentials", new { username = Hostile, publishAcl = new[] { Hostile + "/#" } })).EnsureSuccess();
        (await broker.Process.Admin.PostAsync("credentials", new { username = RightToLeft })).EnsureSuccess();
        (await broker.Process.Admin.PostAsync("accounts", new { username = "<b onmouseover=x>", password = "a-long-password", role = "viewer" })).EnsureSuccess();
        (await broker.Process.Admin.PostAsync("tokens", new { name = Hostile, role = "viewer" })).EnsureSuccess();
        await broker.Process.Admin.ChangeMqttSettingsAsync(s => (s["allowAnonymous"], s["anonymousCredential"]) = (true, Hostile));

        await using var ui = await chromium.OpenAsync(broker.Process);
        await ui.SignInAsync("/configuration/mqtt-credentials");
        await Expect(ui.Page.GetByText(Hostile, new() { Exact = true }).First).ToBeVisibleAsync();
        await ui.Page.GetByRole(AriaRole.Link, new() { Name = Hostile, Exact = true }).ClickAsync();
        await Expect(ui.Heading("MQTT Credential")).ToBeVisibleAsync();
        await Expect(ui.Label("Publish ACL, entry 1")).ToHaveValueAsync(Hostile + "/#");
        await ui.CheckAsync("hostile-credential");

        await ui.Page.GotoAsync("/configuration/accounts");
        await Expect(ui.Page.GetByText(Hostile).First).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("<b onmouseover=x>").First).ToBeVisibleAsync();
        await ui.Page.GotoAsync("/configuration/mqtt-server");
        await Expect(ui.Page.GetByText("Anonymous clients have the rights of")).ToContainTextAsync(Hostile);

        await ui.Page.GotoAsync("/configuration/system/certificates");
        var (key, certificate) = SelfSigned();
        await ui.UploadAsync("Private Key", "<img src=x onerror=alert(1)>.key", key);
        await Expect(ui.Page.Locator("#private-key-state")).ToContainTextAsync("<img src=x onerror=alert(1)>.key");
        await ui.UploadAsync("Server Certificate", "javascript:alert(1)", certificate);
        await Expect(ui.Page.Locator("#server-certificate-state")).ToContainTextAsync("<script>");
        await ui.CheckAsync("hostile-certificate");

        Assert.False(await ui.Page.EvaluateAsync<bool>("'hit' in window"));
        Assert.Equal(0, await ui.Page.Locator("img[src=x]").CountAsync());
    }

    private static (string Key, string Certificate) SelfSigned()
    {
        using var rsa = RSA.Create(2048);
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName("<script>window.hit=3</script>");
        var request = new CertificateRequest(name.Build(), rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(90));
        return (rsa.ExportPkcs8PrivateKeyPem(), certificate.ExportCertificatePem());
    }
}
