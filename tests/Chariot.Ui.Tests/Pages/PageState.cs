using Chariot.Ui.Tests.Kit;

namespace Chariot.Ui.Tests.Pages;

/// <summary>What a page has to show. Each is looked at light and dark, wide and on a phone.</summary>
internal enum PageState
{
    /// <summary>Nothing there yet, on a broker as it was installed.</summary>
    Empty,

    /// <summary>On a broker in use.</summary>
    Filled,

    /// <summary>Something was refused, or cannot be had.</summary>
    Error,
}

/// <summary>A route in one state: how to get there, or, with no way, why the page has no such state.</summary>
internal sealed record PageCase(string Route, PageState State, Func<PageWalk, Task>? ReachAsync, string? Without = null)
{
    public string Name => $"{(Route == "/" ? "dashboard" : Route.Trim('/').Replace('/', '-'))}-{State}".ToLowerInvariant();
}

/// <summary>A page signed in as administrator, and the broker behind it.</summary>
internal sealed record PageWalk(UiSession Ui, PageWorld World)
{
    /// <summary>Loads the page anew and waits for its heading.</summary>
    public async Task GoAsync(string path, string heading)
    {
        await Ui.Page.GotoAsync(path);
        await Microsoft.Playwright.Assertions.Expect(Ui.Heading(heading)).ToBeVisibleAsync();
    }
}
