using System.Text.Json;
using Chariot.TestKit.Broker;
using Microsoft.Playwright;

namespace Chariot.Ui.Tests.Kit;

/// <summary>axe-core on a page as it stands; serious and critical findings fail the test at its end, all at once. With CHARIOT_UI_SHOTS set to a folder, a picture of it goes there.</summary>
internal static class Accessibility
{
    private static readonly string? Folder = Environment.GetEnvironmentVariable("CHARIOT_UI_SHOTS");

    /// <summary>States that the documentation shows: with CHARIOT_UI_DOCS set to docs/images, its pictures are taken anew.</summary>
    private static readonly Dictionary<string, string> Documented = new()
    {
        ["walk-3-recognised"] = "certificates-staged",
        ["walk-4-set-up"] = "certificates",
        ["walk-6-command"] = "credential",
        ["configuration-mqtt-server-filled-dark"] = "mqtt-server-dark",
    };

    private static readonly string? Documentation = Environment.GetEnvironmentVariable("CHARIOT_UI_DOCS");

    private static readonly Lazy<string> Axe = new(() => File.ReadAllText(Path.Combine(Repository.Root, "tests/npm/node_modules/axe-core/axe.min.js")));

    public static async Task CheckAsync(this UiSession ui, string state)
    {
        await Assertions.Expect(ui.Page.Locator(".loading")).ToHaveCountAsync(0);
        // Animations that run would be measured half transparent. One of an element that is not drawn never finishes, and hides nothing.
        await ui.Page.EvaluateAsync(
            """
            Promise.race([
              Promise.allSettled(document.getAnimations().filter(a => a.effect.getComputedTiming().iterations !== Infinity).map(a => a.finished)),
              new Promise(drawn => setTimeout(drawn, 3000))])
            """);
        if (Folder is not null)
        {
            Directory.CreateDirectory(Folder);
            // What is fixed at the top would be drawn where the page was scrolled to.
            await ui.Page.EvaluateAsync("window.scrollTo(0, 0)");
            await ui.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder, state + ".png"), FullPage = true });
        }

        if (Documentation is not null && Documented.TryGetValue(state, out var picture))
        {
            await ui.Page.SetViewportSizeAsync(1280, 868);
            await ui.Page.EvaluateAsync("window.scrollTo(0, 0)");
            await ui.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Documentation, picture + ".png") });
            await ui.Page.SetViewportSizeAsync(1280, 900);
        }

        if (!await ui.Page.EvaluateAsync<bool>("'axe' in window"))
        {
            await ui.Page.EvaluateAsync(Axe.Value);
        }

        var result = await ui.Page.EvaluateAsync<JsonElement>("axe.run(document, { resultTypes: ['violations'] })");
        var found = from violation in result.GetProperty("violations").EnumerateArray()
                    let impact = violation.GetProperty("impact").GetString()
                    where impact is "serious" or "critical"
                    from node in violation.GetProperty("nodes").EnumerateArray()
                    select $"{state}: {violation.GetProperty("id")} ({impact}) {node.GetProperty("html")} {node.GetProperty("failureSummary")}";
        ui.Fail(found);
    }

    /// <summary>Light, dark, and on a phone, in the page as it stands: it follows the colours of the system.</summary>
    public static async Task LookAllWaysAsync(this UiSession ui, string state)
    {
        await ui.CheckAsync(state);
        await ui.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await ui.ExpectColoursAsync("dark");
        await ui.CheckAsync(state + "-dark");
        await ui.Page.SetViewportSizeAsync(390, 844);
        await ui.CheckAsync(state + "-phone-dark");
        await ui.Page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Light });
        await ui.ExpectColoursAsync("light");
        await ui.CheckAsync(state + "-phone");
        ui.Fail(await ui.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth") ? [] : [$"{state}: the page scrolls sideways"]);
        await ui.Page.SetViewportSizeAsync(1280, 900);
    }

    // The page hears of it over its circuit.
    private static async Task ExpectColoursAsync(this UiSession ui, string colours) => await ui.Page.WaitForFunctionAsync(
        """
        dark => {
          const [r, g, b] = getComputedStyle(document.querySelector('.plain-page') ?? document.body).backgroundColor.match(/\d+/g).map(Number);
          return (r + g + b < 384) === dark;
        }
        """,
        colours == "dark");

    /// <summary>What a failed test looked like at its end, and what was found on the way: an assertion at disposal hides the one before.</summary>
    public static async Task KeepLastAsync(this UiSession ui, IReadOnlyCollection<string> found)
    {
        if (Folder is null)
        {
            return;
        }

        Directory.CreateDirectory(Folder);
        await ui.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder, "last.png") });
        await File.AppendAllLinesAsync(Path.Combine(Folder, "findings.txt"), found);
    }
}
