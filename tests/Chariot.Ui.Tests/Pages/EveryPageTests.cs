using System.Reflection;
using Chariot.Ui.Tests.Kit;
using Microsoft.AspNetCore.Components;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chariot.Ui.Tests.Pages;

/// <summary>Every page, empty, filled and with an error: wide and on a phone, light and dark.</summary>
[Collection(WithChromium.Name)]
public sealed class EveryPageTests(Chromium chromium, PageWorld world) : IClassFixture<PageWorld>
{
    /// <summary>A page that is added without a line in the table fails here.</summary>
    [Fact]
    public void EveryRoute_IsInTheTable_InEveryState()
    {
        var routes = from type in typeof(UiHost).Assembly.GetTypes()
                     from route in type.GetCustomAttributes<RouteAttribute>()
                     from state in Enum.GetValues<PageState>()
                     select (route.Template, state);

        Assert.Equal(routes.Order(), PageTable.Cases.Select(c => (c.Route, c.State)).Order());
        Assert.All(PageTable.Cases, c => Assert.True(c.ReachAsync is null == !string.IsNullOrEmpty(c.Without), c.Name));
    }

    /// <summary>All that is found on all pages is said at once, at the end.</summary>
    [Fact]
    public async Task EveryPage_InEveryState_IsAccessible()
    {
        await using var ui = await chromium.OpenAsync(world.Broker, options => options.ColorScheme = ColorScheme.Light);
        var walk = new PageWalk(ui, world);
        await ui.SignInAsync();
        // As it was installed, also what is refused there; a page that needs something to be empty of it comes later.
        var first = PageTable.Cases.Where(c => c is { State: PageState.Empty, Route: not ("/clients/client" or "/configuration/mqtt-credentials/credential") } or { State: PageState.Error }).ToList();
        foreach (var page in first)
        {
            await LookAsync(walk, page);
        }

        await world.FillAsync();
        foreach (var page in PageTable.Cases.Except(first))
        {
            await LookAsync(walk, page);
        }
    }

    private static async Task LookAsync(PageWalk walk, PageCase page)
    {
        if (page.ReachAsync is null)
        {
            return;
        }

        try
        {
            await page.ReachAsync(walk);
        }
        catch (Exception e) when (e is PlaywrightException or TimeoutException)
        {
            walk.Ui.Fail([$"{page.Name} was not reached: {e.Message}"]);
            await walk.Ui.CheckAsync(page.Name + "-not-reached");
            return;
        }

        await walk.Ui.LookAllWaysAsync(page.Name);
    }
}
