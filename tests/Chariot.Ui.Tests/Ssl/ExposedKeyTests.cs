using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Ssl;

/// <summary>A private key that would cross a network in the clear.</summary>
[Collection(WithChromium.Name)]
public sealed class ExposedKeyTests(Chromium chromium)
{
    private const string Page = "/configuration/system/certificates";

    [Fact]
    public async Task KeyOverPlainHttpFromAnotherMachine_IsWarnedOf_AndTheServersOwnKeyIsTheWayOut()
    {
        await using var address = await OuterAddress.FindAsync();
        await using var broker = await StartAsync(("Chariot:Admin:BindAddress", "0.0.0.0"));
        await using var ui = await OpenAsync(broker, address);
        using var authority = new TestCertificates();
        await ui.Page.GotoAsync("/");
        await Expect(ui.Page.GetByText("whoever listens on the network can read the password")).ToBeVisibleAsync();
        await ui.CheckAsync("login-exposed");
        await ui.SignInAsync(Page);
        var warning = ui.Page.GetByRole(AriaRole.Note).Filter(new() { HasText = "This page came over plain HTTP from another machine." });
        await Expect(warning).ToContainTextAsync("key.over-http");

        // Uploaded all the same: said again, where it was put.
        await ui.UploadAsync("Private Key", "server.key", authority.KeyPkcs8Pem);
        await Expect(ui.Page.Locator("#private-key-state")).ToContainTextAsync("key.over-http");
        await ui.LookAllWaysAsync("certificates-exposed");

        // No key has to leave this machine, nor any other.
        await warning.GetByRole(AriaRole.Link, new() { Name = "Make the key on the server" }).ClickAsync();
        await Expect(ui.Button("Make key")).ToBeInViewportAsync();
        await ui.Button("Make key").ClickAsync();
        await Expect(ui.Page.Locator("#private-key-state")).ToContainTextAsync("generated on this server");
        await Expect(ui.Page.Locator("#private-key-state")).Not.ToContainTextAsync("key.over-http");
        await ui.Label("Common name").FillAsync("localhost");
        await ui.Label("DNS names").FillAsync("localhost");
        await ui.Button("Create CSR").ClickAsync();
        var request = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Certificate request" });
        await Expect(request).ToContainTextAsync("BEGIN CERTIFICATE REQUEST");
        using var certificate = authority.Sign((await request.TextContentAsync())!);
        await ui.UploadAsync("Server Certificate", "signed.crt", certificate.ExportCertificatePem());
        await Expect(ui.Page.Locator("#server-certificate-state .recognised")).ToBeVisibleAsync();
        await ui.UploadAsync("Root CA Chain", "chain.pem", authority.ChainPem);
        await Expect(ui.Page.Locator("#ca-chain-state .recognised")).ToBeVisibleAsync();
        await ui.Button("Setup SSL").ClickAsync();
        await Expect(ui.Page.GetByText("SSL is set up.")).ToBeVisibleAsync();
        await Expect(ui.Page.GetByText("key.over-http")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task KeyOverPlainHttpFromAnotherMachine_IsRefused_WhenTheBrokerIsToldTo()
    {
        await using var address = await OuterAddress.FindAsync();
        await using var broker = await StartAsync(("Chariot:Admin:BindAddress", "0.0.0.0"), ("Chariot:Admin:RefuseKeyOverHttp", "true"));
        await using var ui = await OpenAsync(broker, address);
        using var files = new TestCertificates();
        await ui.SignInAsync(Page);
        await ui.UploadAsync("Private Key", "server.key", files.KeyPkcs8Pem);
        await Expect(ui.Page.Locator("#private-key-state").GetByRole(AriaRole.Alert)).ToContainTextAsync("key-over-http-refused");
        await Expect(ui.Page.Locator("#private-key-state .recognised")).ToHaveCountAsync(0);
        await ui.CheckAsync("certificates-exposed-refused");
    }

    private static Task<BrokerProcess> StartAsync(params (string Key, string Value)[] more) =>
        BrokerProcess.StartAsync(new BrokerOptions { Configuration = more.ToDictionary(pair => pair.Key, pair => pair.Value) });

    private Task<UiSession> OpenAsync(BrokerProcess broker, OuterAddress address) =>
        chromium.OpenAsync(broker, options => options.BaseURL = $"http://{address.Address}:{broker.Ports.Http}");

    /// <summary>An address of this machine that is not loopback: whoever connects to it comes from it. Without one, a network card that leads nowhere.</summary>
    private sealed class OuterAddress(IPAddress address, string? made) : IAsyncDisposable
    {
        private const string Card = "chariot-test0";
        private static readonly IPAddress Documentation = IPAddress.Parse("198.51.100.1");

        public IPAddress Address { get; } = address;

        public static async Task<OuterAddress> FindAsync()
        {
            var own = from card in NetworkInterface.GetAllNetworkInterfaces()
                      where card.OperationalStatus == OperationalStatus.Up && card.NetworkInterfaceType != NetworkInterfaceType.Loopback
                      from unicast in card.GetIPProperties().UnicastAddresses
                      where unicast.Address.AddressFamily == AddressFamily.InterNetwork
                      select unicast.Address;
            if (own.FirstOrDefault() is { } found)
            {
                return new OuterAddress(found, made: null);
            }

            (await Command.RunAsync("ip", "link", "add", Card, "type", "dummy")).EnsureSuccess();
            (await Command.RunAsync("ip", "address", "add", Documentation + "/32", "dev", Card)).EnsureSuccess();
            (await Command.RunAsync("ip", "link", "set", Card, "up")).EnsureSuccess();
            return new OuterAddress(Documentation, Card);
        }

        public async ValueTask DisposeAsync()
        {
            if (made is not null)
            {
                (await Command.RunAsync("ip", "link", "delete", made)).EnsureSuccess();
            }
        }
    }
}
