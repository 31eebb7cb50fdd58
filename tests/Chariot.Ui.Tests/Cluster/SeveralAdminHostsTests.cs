using System.Diagnostics;
using System.Globalization;
using Chariot.SystemTests.Cluster;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Certificates;
using Chariot.TestKit.Stores;
using Chariot.Ui.Tests.Kit;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Cluster;

/// <summary>One edge and two admin hosts on PostgreSQL, as a browser sees them.</summary>
[Collection(WithChromium.Name)]
public sealed class SeveralAdminHostsTests(Chromium chromium, SeveralAdminHostsTests.Fixture cluster) : IClassFixture<SeveralAdminHostsTests.Fixture>
{
    private const string Accounts = "/configuration/accounts";

    [Fact]
    public async Task SignIn_OnOneHost_CountsOnTheOther_AndSoDoesSignOut()
    {
        await using var ui = await chromium.OpenAsync(cluster.First);
        await ui.SignInAsync(Accounts);

        // The cookie, which knows no port, and what the first host gave out: its files are staged on the second.
        var other = await ui.Context.NewPageAsync();
        await other.GotoAsync($"http://127.0.0.1:{cluster.Second.Ports.Http}{Accounts}");
        await Expect(other.GetByText("admin (you)")).ToBeVisibleAsync();
        using var files = new TestCertificates();
        var token = await ui.Page.Locator("meta[name=chariot-antiforgery]").GetAttributeAsync("content");
        var status = await other.EvaluateAsync<int>(
            """
            async ([token, pem]) => {
              const body = new FormData();
              body.append('file', new File([pem], 'server.crt'));
              return (await fetch('/api/v1/ssl/files/server-certificate', { method: 'PUT', body, headers: { 'Chariot-Antiforgery': token } })).status;
            }
            """,
            new object[] { token!, files.ServerPem });
        Assert.Equal(200, status);
        await other.GetByLabel("New username", new() { Exact = true }).FillAsync("from-the-second");
        await other.GetByRole(AriaRole.Button, new() { Name = "Add account" }).ClickAsync();
        await Expect(other.GetByText("One-time password of from-the-second")).ToBeVisibleAsync();

        await ui.Page.GetByRole(AriaRole.Button, new() { Name = "Account admin" }).ClickAsync();
        var watch = Stopwatch.StartNew();
        await ui.Page.GetByText("Sign out").ClickAsync();
        await Expect(other.GetByText("Your session has ended")).ToBeVisibleAsync();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cluster: a circuit on the other host ended {watch.Elapsed.TotalSeconds:F1} s after the sign-out"));
        await Expect(other.GetByRole(AriaRole.Button, new() { Name = "Sign in" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task StoppedHost_LeavesItsPagesToTheOther_StillSignedIn()
    {
        using var balancer = new Balancer(cluster.Third.Ports.Http, cluster.Second.Ports.Http);
        await using var ui = await chromium.OpenAsync(cluster.Third, options => options.BaseURL = $"http://127.0.0.1:{balancer.Port}");
        await ui.SignInAsync(Accounts);

        await cluster.Third.StopAsync();

        // Without a click. The circuit is new, the sign-in is not.
        await ui.Page.WaitForFunctionAsync("() => performance.getEntriesByType('navigation')[0].type === 'reload'");
        await Expect(ui.Page.GetByText("admin (you)")).ToBeVisibleAsync();
        await ui.Label("New username").FillAsync("after-the-stop");
        await ui.Button("Add account").ClickAsync();
        await Expect(ui.Page.GetByText("One-time password of after-the-stop")).ToBeVisibleAsync();
    }

    /// <summary>A third admin host is the one that is stopped: the order of tests must not matter.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        private readonly List<IAsyncDisposable> _owned = [];

        public BrokerProcess First { get; private set; } = null!;

        public BrokerProcess Second { get; private set; } = null!;

        public BrokerProcess Third { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            var postgres = await PostgresServer.StartAsync();
            _owned.Add(postgres);
            var nodes = new ClusterNodes("postgres", await postgres.CreateDatabaseAsync());
            _owned.Insert(0, nodes);
            await nodes.StartAsync("edge", "edge", ("Chariot:Health:Port", $"{BrokerPorts.Free()}"));
            var admins = await Task.WhenAll(nodes.StartAsync("first", "admin"), nodes.StartAsync("second", "admin"), nodes.StartAsync("third", "admin"));
            (First, Second, Third) = (admins[0], admins[1], admins[2]);
        }

        public async Task DisposeAsync()
        {
            foreach (var owned in _owned)
            {
                await owned.DisposeAsync();
            }
        }
    }
}
