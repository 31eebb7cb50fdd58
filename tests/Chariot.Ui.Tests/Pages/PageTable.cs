using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Chariot.Ui.Tests.Pages.PageState;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Pages;

/// <summary>Every page in every state.</summary>
internal static class PageTable
{
    private const string ByCluster = "it is an error only while nodes or the store are away: ClusterPagesTests";
    private const string Form = "a form that is as empty as it is filled";
    private const string Certificates = "/configuration/system/certificates";
    private const string ClientCertificates = "/configuration/system/client-certificates";
    private const string MqttServer = "/configuration/mqtt-server";
    private const string Credentials = "/configuration/mqtt-credentials";
    private const string Accounts = "/configuration/accounts";

    public static IReadOnlyList<PageCase> Cases { get; } =
    [
        new("/login", Empty, w => w.GoAsync("/login", "Chariot MQTT Server")),
        new("/login", Filled, async w =>
        {
            await w.GoAsync("/login?ended=true", "Chariot MQTT Server");
            await w.Ui.Page.GetByText("First start?").ClickAsync();
            await w.Ui.Label("Username").FillAsync("admin");
        }),
        new("/login", Error, w => w.GoAsync("/login?error=not-signed-in", "Chariot MQTT Server")),

        new("/account/password", Empty, null, Form),
        new("/account/password", Filled, w => w.GoAsync("/account/password", "Change the password")),
        new("/account/password", Error, w => w.GoAsync("/account/password?error=password.repeated", "Change the password")),

        new("/not-found", Empty, null, "it says one thing"),
        new("/not-found", Filled, null, "it says one thing"),
        new("/not-found", Error, w => w.GoAsync("/not-found", "There is nothing at this address")),

        new("/", Empty, async w =>
        {
            await w.GoAsync("/", "Dashboard");
            await Expect(w.Ui.Heading("Set-up guide")).ToBeVisibleAsync();
            await Expect(w.Ui.Page.Locator(".tiles")).ToBeVisibleAsync();
        }),
        new("/", Filled, async w =>
        {
            await w.GoAsync("/", "Dashboard");
            await Expect(w.Ui.Page.Locator(".chart-plot path.chart-line").First).ToHaveAttributeAsync("d", new System.Text.RegularExpressions.Regex("M[0-9. ]+(L[0-9. ]+){3,}"));
        }),
        new("/", Error, null, ByCluster),

        new("/clients", Empty, async w =>
        {
            await w.GoAsync("/clients", "Clients");
            await Expect(w.Ui.Page.GetByText("No client has a session")).ToBeVisibleAsync();
        }),
        new("/clients", Filled, async w =>
        {
            await w.GoAsync("/clients", "Clients");
            await Expect(w.Ui.Page.GetByText(new System.Text.RegularExpressions.Regex("^Page 1 of 2$"))).ToBeVisibleAsync();
        }),
        new("/clients", Error, null, "a node that does not answer is said in a note, only until it is voted out; the refusal is the one of every page"),

        new("/clients/client", Empty, async w =>
        {
            await w.GoAsync("/clients/client?id=meter-00001", "meter-00001");
            await Expect(w.Ui.Page.GetByText("None: this client receives nothing.")).ToBeVisibleAsync();
        }),
        new("/clients/client", Filled, async w =>
        {
            await w.GoAsync("/clients/client?id=press%2F7", "press/7");
            await Expect(w.Ui.Page.GetByText("plant/press/7/lost")).ToBeVisibleAsync();
        }),
        new("/clients/client", Error, async w =>
        {
            await w.GoAsync("/clients/client?id=nobody", "Client");
            await Expect(w.Ui.Page.GetByText("No node knows this client")).ToBeVisibleAsync();
        }),

        new("/retained", Empty, async w =>
        {
            await w.GoAsync("/retained", "Retained Messages");
            await Expect(w.Ui.Page.GetByText("No message is retained.")).ToBeVisibleAsync();
        }),
        new("/retained", Filled, async w =>
        {
            // The only first level is open by itself.
            await w.GoAsync("/retained", "Retained Messages");
            await w.Ui.Button("Levels below press").ClickAsync();
            await w.Ui.Page.GetByRole(AriaRole.Button, new() { Name = "state , has a message" }).ClickAsync();
            await Expect(w.Ui.Page.Locator("pre.payload")).ToContainTextAsync("running");
        }),
        new("/retained", Error, async w =>
        {
            await w.GoAsync("/retained", "Retained Messages");
            await w.Ui.Page.GetByLabel("Find by topic filter").FillAsync("plant/#/x");
            await Expect(w.Ui.Page.GetByText("This is no topic filter")).ToBeVisibleAsync();
        }),

        new("/nodes", Empty, null, "there is always the node that serves the page"),
        new("/nodes", Filled, async w =>
        {
            await w.GoAsync("/nodes", "Nodes");
            await Expect(w.Ui.Page.GetByText("the one that is set up")).ToBeVisibleAsync();
        }),
        new("/nodes", Error, null, ByCluster),

        new("/audit", Empty, async w =>
        {
            await w.GoAsync("/audit", "Audit Log");
            await w.Ui.Label("Who").FillAsync("nobody");
            await w.Ui.Label("Who").PressAsync("Enter");
            await Expect(w.Ui.Page.GetByText("No entry matches")).ToBeVisibleAsync();
        }),
        new("/audit", Filled, async w =>
        {
            await w.GoAsync("/audit", "Audit Log");
            await Expect(w.Ui.Page.Locator("tbody tr")).ToHaveCountAsync(50);
            await w.Ui.Page.GetByText("Before and after").First.ClickAsync();
        }),
        new("/audit", Error, null, ByCluster),

        new(MqttServer, Empty, w => w.GoAsync(MqttServer, "MQTT Server")),
        new(MqttServer, Filled, async w =>
        {
            await w.GoAsync(MqttServer, "MQTT Server");
            await Expect(w.Ui.Page.GetByText("May publish to lobby and everything below.")).ToBeVisibleAsync();
            await w.Ui.Page.GetByText("Limits", new() { Exact = true }).ClickAsync();
        }),
        new(MqttServer, Error, async w =>
        {
            await w.GoAsync(MqttServer, "MQTT Server");
            await w.Ui.Page.GetByText("Limits", new() { Exact = true }).ClickAsync();
            await w.Ui.Label("Longest topic (bytes)").FillAsync("0");
            await w.Ui.Button("Save").ClickAsync();
            await Expect(w.Ui.Page.GetByText("limits.maximumTopicLength is 0")).ToBeVisibleAsync();
        }),

        new(Credentials, Empty, async w =>
        {
            await w.GoAsync(Credentials, "MQTT Credentials");
            await Expect(w.Ui.Page.GetByText("There are no MQTT credentials yet")).ToBeVisibleAsync();
        }),
        new(Credentials, Filled, async w =>
        {
            await w.GoAsync(Credentials, "MQTT Credentials");
            await Expect(w.Ui.Page.Locator("table.data tbody tr")).ToHaveCountAsync(25);
        }),
        new(Credentials, Error, null, ByCluster),

        new(Credentials + "/new", Empty, w => w.GoAsync(Credentials + "/new", "Add credential")),
        new(Credentials + "/new", Filled, async w =>
        {
            await w.GoAsync(Credentials + "/new", "Add credential");
            await w.Ui.Label("Username").FillAsync("line-1");
            await TypeEntryAsync(w.Ui, "Publish ACL", "plant/%c/#");
            await TypeEntryAsync(w.Ui, "Subscribe ACL", "!plant/secret");
            await w.Ui.Page.GetByRole(AriaRole.Radio, new() { Name = "Type one" }).CheckAsync();
            await Expect(w.Ui.Label("Password")).ToBeVisibleAsync();
        }),
        new(Credentials + "/new", Error, async w =>
        {
            await w.GoAsync(Credentials + "/new", "Add credential");
            await TypeEntryAsync(w.Ui, "Publish ACL", "plant/#/line");
            await w.Ui.Button("Add").ClickAsync();
            await Expect(w.Ui.Page.Locator(".mud-input-error").First).ToBeVisibleAsync();
        }),

        new(Credentials + "/credential", Empty, w => w.GoAsync(Credentials + "/credential?username=idle", "MQTT Credential")),
        new(Credentials + "/credential", Filled, async w =>
        {
            await w.GoAsync(Credentials + "/credential?username=line-07", "MQTT Credential");
            await w.Ui.Label("Client id").FillAsync("press");
            await w.Ui.Label("Topic").FillAsync("plant/press/speed");
            await w.Ui.Button("May it publish?").ClickAsync();
            await Expect(w.Ui.Page.Locator(".acl-answer")).ToBeVisibleAsync();
        }),
        new(Credentials + "/credential", Error, async w =>
        {
            await w.GoAsync(Credentials + "/credential?username=nobody", "MQTT Credential");
            await Expect(w.Ui.Page.Locator(".refusal")).ToBeVisibleAsync();
        }),

        new("/configuration/system", Empty, async w =>
        {
            await w.GoAsync("/configuration/system", "System");
            await Expect(w.Ui.Page.GetByText("because SSL is not set up")).ToBeVisibleAsync();
        }),
        new("/configuration/system", Filled, async w =>
        {
            await w.GoAsync("/configuration/system", "System");
            await Expect(w.Ui.Button("Save plain HTTP")).ToBeVisibleAsync();
        }),
        new("/configuration/system", Error, null, ByCluster),

        new(Certificates, Empty, async w =>
        {
            await w.GoAsync(Certificates, "System");
            await Expect(w.Ui.Button("Setup SSL")).ToBeVisibleAsync();
        }),
        new(Certificates, Filled, async w =>
        {
            await w.GoAsync(Certificates, "System");
            await Expect(w.Ui.Heading("SSL Certificate")).ToBeVisibleAsync();
        }),
        new(Certificates, Error, async w =>
        {
            await w.GoAsync(Certificates, "System");
            await w.Ui.UploadAsync("Private Key", "server.crt", w.World.Server.ServerPem);
            await Expect(w.Ui.Page.Locator("#private-key-state")).ToContainTextAsync("key.is-certificate");
        }),

        new(ClientCertificates, Empty, w => w.GoAsync(ClientCertificates, "System")),
        new(ClientCertificates, Filled, async w =>
        {
            await w.GoAsync(ClientCertificates, "System");
            await Expect(w.Ui.Page.GetByText("crl.expired")).ToBeVisibleAsync();
        }),
        new(ClientCertificates, Error, async w =>
        {
            await w.GoAsync(ClientCertificates, "System");
            await w.Ui.UploadAsync("Client CA file", "server.crt", w.World.Server.ServerPem);
            await Expect(w.Ui.Page.Locator("#client-ca-state")).ToContainTextAsync("client-ca.not-a-ca");
        }),

        new(Accounts, Empty, async w =>
        {
            await w.GoAsync(Accounts, "Accounts");
            await Expect(w.Ui.Page.GetByText("There are no tokens.")).ToBeVisibleAsync();
        }),
        new(Accounts, Filled, async w =>
        {
            await w.GoAsync(Accounts, "Accounts");
            await Expect(w.Ui.Button("Revoke monitoring")).ToBeVisibleAsync();
        }),
        new(Accounts, Error, async w =>
        {
            await w.GoAsync(Accounts, "Accounts");
            await w.Ui.Label("New username").FillAsync("admin");
            await w.Ui.Button("Add account").ClickAsync();
            await Expect(w.Ui.Page.Locator(".refusal").First).ToBeVisibleAsync();
        }),
    ];

    private static async Task TypeEntryAsync(UiSession ui, string list, string filter)
    {
        await ui.Label(list + ", entry 1").FillAsync(filter);
        await Expect(ui.Page.Locator(".acl-words").Last).ToBeVisibleAsync();
    }
}
