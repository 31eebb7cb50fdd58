using Chariot.Ui.Tests.Kit;

namespace Chariot.Ui.Tests.Status;

internal static class Width
{
    /// <summary>WCAG 2.2, 1.4.10: a page fits its window; wide tables scroll by themselves.</summary>
    public static async Task ExpectNoSidewaysScrollAsync(this UiSession ui) =>
        Assert.True(await ui.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways");
}
