using Chariot.Admin;
using MudBlazor;

namespace Chariot.Ui.Components;

/// <summary>Tells of a change that was made.</summary>
internal static class Saved
{
    /// <param name="act">A change that was not refused.</param>
    /// <param name="done">A sentence, for example "Removed."</param>
    public static void Tell<T>(ISnackbar snackbar, Act<T> act, string done) =>
        snackbar.Add(act.Partial ? $"{done} But a node does not act on it." : $"{done} Every node acts on it.", act.Partial ? MudBlazor.Severity.Warning : MudBlazor.Severity.Success);
}
