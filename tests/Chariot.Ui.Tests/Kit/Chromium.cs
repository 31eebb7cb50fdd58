using Chariot.TestKit.Broker;
using Microsoft.Playwright;

namespace Chariot.Ui.Tests.Kit;

/// <summary>One headless Chromium for all tests: Debian's, by its path.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private static readonly string[] Switches =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Environment.GetEnvironmentVariable("CHARIOT_CHROMIUM") ?? "/usr/bin/chromium",
            Args = Switches,
            Headless = true,
        });
    }

    /// <summary>A browser profile of its own, on the start page of <paramref name="broker"/>, not signed in. In dark colours with CHARIOT_UI_COLOURS=dark, so that axe can look at every state in both.</summary>
    public async Task<UiSession> OpenAsync(BrokerProcess broker, Action<BrowserNewContextOptions>? more = null)
    {
        var options = new BrowserNewContextOptions
        {
            BaseURL = $"http://127.0.0.1:{broker.Ports.Http}",
            IgnoreHTTPSErrors = true,
            ViewportSize = new ViewportSize { Width = 1280, Height = 900 },
            Locale = "en-GB",
            TimezoneId = "Asia/Tokyo",
            ColorScheme = Environment.GetEnvironmentVariable("CHARIOT_UI_COLOURS") == "dark" ? ColorScheme.Dark : ColorScheme.Light,
        };
        more?.Invoke(options);
        var context = await _browser!.NewContextAsync(options);
        context.SetDefaultTimeout(60_000);
        Assertions.SetDefaultExpectTimeout(60_000);
        return new UiSession(broker, context, await context.NewPageAsync());
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.CloseAsync();
        }

        _playwright?.Dispose();
    }
}

[CollectionDefinition(Name)]
public sealed class WithChromium : ICollectionFixture<Chromium>
{
    public const string Name = "chromium";
}
