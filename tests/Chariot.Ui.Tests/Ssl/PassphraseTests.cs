using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Ssl;

/// <summary>An encrypted private key, as an administrator uploads it.</summary>
[Collection(WithChromium.Name)]
public sealed class PassphraseTests(Chromium chromium)
{
    private const string Wrong = "not the passphrase of it";

    [Fact]
    public async Task AnEncryptedKey_AsksForItsPassphrase_WhichGoesToTheApiAlone()
    {
        await using var broker = await BrokerProcess.StartAsync();
        await using var ui = await chromium.OpenAsync(broker);
        using var files = new TestCertificates();
        var frames = new List<string>();
        ui.Page.WebSocket += (_, socket) => socket.FrameSent += (_, frame) =>
        {
            lock (frames)
            {
                frames.Add(frame.Text ?? System.Text.Encoding.UTF8.GetString(frame.Binary ?? []));
            }
        };
        await ui.SignInAsync();
        await ui.Page.GotoAsync("/configuration/system/certificates");
        await Expect(ui.Button("Setup SSL")).ToBeVisibleAsync();
        var state = ui.Page.Locator("#private-key-state");
        var field = ui.Label("Passphrase of Private Key");

        await ui.UploadAsync("Private Key", "server.key", files.KeyEncryptedPem(BundleTable.Passphrase));
        await Expect(state).ToContainTextAsync("key.encrypted");
        await Expect(field).ToBeFocusedAsync();
        await Expect(field).ToHaveAttributeAsync("type", "password");
        await ui.CheckAsync("certificates-passphrase");

        await field.FillAsync(Wrong);
        await ui.Button("Decrypt and upload").ClickAsync();
        await Expect(state).ToContainTextAsync("key.passphrase");
        await Expect(field).ToBeFocusedAsync();
        await Expect(field).ToHaveValueAsync("");
        await ui.CheckAsync("certificates-passphrase-wrong");

        // The keyboard alone is enough.
        await ui.Page.Keyboard.TypeAsync(BundleTable.Passphrase);
        await ui.Page.Keyboard.PressAsync("Enter");
        await Expect(state).ToContainTextAsync("RSA 2048-bit private key (PKCS#8, decrypted)");
        await Expect(field).ToHaveCountAsync(0);

        await ui.UploadAsync("Server Certificate", "server.crt", files.ServerPem);
        await Expect(ui.Page.Locator("#server-certificate-state .recognised")).ToBeVisibleAsync();
        await ui.UploadAsync("Root CA Chain", "chain.pem", files.ChainPem);
        await Expect(ui.Page.Locator("#ca-chain-state .recognised")).ToBeVisibleAsync();
        await ui.Button("Setup SSL").ClickAsync();
        await Expect(ui.Page.GetByText(files.ServerFingerprint)).ToBeVisibleAsync();

        lock (frames)
        {
            // The answer of the API goes through the circuit, so what is said there is seen here.
            Assert.Contains(frames, frame => frame.Contains("key.encrypted", StringComparison.Ordinal));
            Assert.DoesNotContain(frames, frame => frame.Contains(BundleTable.Passphrase, StringComparison.Ordinal) || frame.Contains(Wrong, StringComparison.Ordinal));
        }

        Assert.DoesNotContain(BundleTable.Passphrase, await ui.Page.EvaluateAsync<string>("JSON.stringify([localStorage, sessionStorage, location.href, document.documentElement.outerHTML])"), StringComparison.Ordinal);
    }

    /// <summary>Another file that is wrong asks for nothing, and a certificate never has a passphrase.</summary>
    [Fact]
    public async Task AnotherError_AsksForNoPassphrase()
    {
        await using var broker = await BrokerProcess.StartAsync();
        await using var ui = await chromium.OpenAsync(broker);
        await ui.SignInAsync();
        await ui.Page.GotoAsync("/configuration/system/certificates");
        await Expect(ui.Button("Setup SSL")).ToBeVisibleAsync();

        await ui.UploadAsync("Private Key", "server.key", TestPki.LeafPem);
        await Expect(ui.Page.Locator("#private-key-state")).ToContainTextAsync("key.is-certificate");
        await ui.UploadAsync("Server Certificate", "server.crt", BundleTable.Cases["1 encrypted PKCS#8"].Files.Key!);
        await Expect(ui.Page.Locator("#server-certificate-state")).ToContainTextAsync("certificate.is-key");

        await Expect(ui.Page.Locator("input[type=password]")).ToHaveCountAsync(0);
    }
}
