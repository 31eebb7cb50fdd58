using System.Text.Json;
using Chariot.TestKit.Broker;
using Microsoft.Playwright;

namespace Chariot.Ui.Tests.Kit;

/// <summary>axe-core on a page as it stands; serious and critical findings fail the test at its end, all at once. With CHARIOT_UI_SHOTS set to a folder, a picture of it goes there.</summary>
internal static class Accessibility
{
    private static readonly string? Folder = Environment.GetEnvironmentVariable("CHARIOT_UI_SHOTS");

    private static readonly Lazy<string> Axe = new(() => File.ReadAllText(Path.Combine(Repository.Root, "tests/npm/node_modules/axe-core/axe.min.js")));

    public static async Task CheckAsync(this UiSession ui, string state)
    {
        await Assertions.Expect(ui.Page.Locator(".loading")).ToHaveCountAsync(0);
        // Animations that run would be measured half transparent.
        await ui.Page.EvaluateAsync("Promise.allSettled(document.getAnimations().filter(a => a.effect.getComputedTiming().iterations !== Infinity).map(a => a.finished))");
        if (Folder is not null)
        {
            Directory.CreateDirectory(Folder);
            await ui.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder, state + ".png"), FullPage = true });
        }

        await ui.Page.EvaluateAsync(Axe.Value);
        var result = await ui.Page.EvaluateAsync<JsonElement>("axe.run(document, { resultTypes: ['violations'] })");
        var found = from violation in result.GetProperty("violations").EnumerateArray()
                    let impact = violation.GetProperty("impact").GetString()
                    where impact is "serious" or "critical"
                    from node in violation.GetProperty("nodes").EnumerateArray()
                    select $"{state}: {violation.GetProperty("id")} ({impact}) {node.GetProperty("html")} {node.GetProperty("failureSummary")}";
        ui.Fail(found);
    }

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
