using System.Text;
using Chariot.TestKit.Certificates;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Kit;

/// <summary>The file fields of the Certificates page.</summary>
internal static class UploadedFiles
{
    public static async Task UploadAsync(this UiSession ui, string field, string fileName, string content) =>
        await ui.Label("Upload " + field).SetInputFilesAsync(new FilePayload { Name = fileName, MimeType = "application/x-pem-file", Buffer = Encoding.UTF8.GetBytes(content) });

    /// <summary>All three, waiting for what was recognised of each.</summary>
    public static async Task UploadAllAsync(this UiSession ui, TestCertificates files, string prefix = "")
    {
        await ui.UploadAsync("Private Key", prefix + "server.key", files.KeyPkcs8Pem);
        await Expect(ui.Page.Locator("#private-key-state .recognised")).ToBeVisibleAsync();
        await ui.UploadAsync("Server Certificate", prefix + "server.crt", files.ServerPem);
        await Expect(ui.Page.Locator("#server-certificate-state .recognised")).ToBeVisibleAsync();
        await ui.UploadAsync("Root CA Chain", prefix + "chain.pem", files.ChainPem);
        await Expect(ui.Page.Locator("#ca-chain-state .recognised")).ToBeVisibleAsync();
    }
}
