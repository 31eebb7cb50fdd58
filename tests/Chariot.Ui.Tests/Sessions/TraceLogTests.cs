using Chariot.TestKit.Broker;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Sessions;

/// <summary>No secret that passes through a page is in the log, however much is logged.</summary>
[Collection(WithChromium.Name)]
public sealed class TraceLogTests(Chromium chromium)
{
    private const string Canary = "canary-Zx81-typed";
    private const string SecondCanary = "canary-Zx82-typed";

    [Fact]
    public async Task PasswordsThatAreTypedOrShown_AreNotLogged_AtTrace()
    {
        await using var broker = await BrokerProcess.StartAsync(new BrokerOptions
        {
            Configuration = new Dictionary<string, string>
            {
                // Each as special as the categories in question, and for one provider too.
                ["Logging:LogLevel:Default"] = "Trace",
                ["Logging:LogLevel:Microsoft"] = "Trace",
                ["Logging:LogLevel:Microsoft.AspNetCore.SignalR.Internal.DefaultHubDispatcher"] = "Trace",
                ["Logging:Console:LogLevel:Microsoft.AspNetCore"] = "Trace",
            },
        });
        await using var ui = await chromium.OpenAsync(broker);
        await ui.SignInAsync("/configuration/mqtt-credentials/new");
        await ui.Label("Username").FillAsync("typed");
        await TypePasswordAsync(ui, Canary);
        await ui.Button("Add").ClickAsync();
        await Expect(ui.Heading("MQTT Credential")).ToBeVisibleAsync();
        Assert.Equal(0, await Mqtt.KnockAsync(broker.Ports.Mqtt, "typed", Canary));
        await TypePasswordAsync(ui, SecondCanary);
        await ui.Button("Save").ClickAsync();
        await TestKit.Eventually.TrueAsync(async () => await Mqtt.KnockAsync(broker.Ports.Mqtt, "typed", SecondCanary) == 0, "the second password counts", 60);

        await ui.Page.GetByRole(AriaRole.Radio, new() { Name = "Generate one" }).CheckAsync();
        await ui.Button("Save").ClickAsync();
        var shown = ui.Page.GetByRole(AriaRole.Region, new() { Name = "Password" });
        await Expect(shown).ToBeVisibleAsync();
        var generated = (await shown.TextContentAsync())!;
        await ui.Button("Copy Password").ClickAsync();
        await Expect(ui.Button("Copy Password")).ToContainTextAsync("Copied");

        await ui.Page.GotoAsync("/configuration/accounts");
        await ui.Label("New username").FillAsync("vera");
        await ui.Button("Add account").ClickAsync();
        var oneTime = (await ui.Page.GetByRole(AriaRole.Region, new() { Name = "One-time password" }).TextContentAsync())!;
        await ui.Label("Token name").FillAsync("monitoring");
        await ui.Button("Create token").ClickAsync();
        var token = (await ui.Page.GetByRole(AriaRole.Region, new() { Name = "Token", Exact = true }).TextContentAsync())!;
        await broker.StopAsync();

        // That trace is on, and that this is where it goes.
        Assert.Contains("trce:", broker.Output, StringComparison.Ordinal);
        foreach (var secret in new[] { Canary, SecondCanary, generated, oneTime, token, BrokerOptions.DefaultPassword })
        {
            var lines = broker.Output.Split('\n').Where(line => line.Contains(secret, StringComparison.Ordinal)).ToList();
            Assert.True(lines.Count == 0, $"a secret was logged: {string.Join('\n', lines.Take(5))}");
        }
    }

    private static async Task TypePasswordAsync(UiSession ui, string password)
    {
        await ui.Page.GetByRole(AriaRole.Radio, new() { Name = "Type one" }).CheckAsync();
        await ui.Label("Password").FillAsync(password);
    }
}
