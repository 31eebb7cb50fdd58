using Chariot.Abstractions.Configuration;
using Chariot.Admin;

namespace Chariot.Ui.Components;

/// <summary>What a refusal says of one field, to be shown at the field.</summary>
internal static class FieldErrors
{
    /// <summary>Null when the field is right.</summary>
    public static string? For(Refusal? refusal, string field)
    {
        var found = refusal?.Findings.Where(f => f.Field == field && f.Severity == FindingSeverity.Error).ToList() ?? [];
        return found.Count == 0 ? null : string.Join(' ', found.Select(f => $"{f.Message} ({f.Code})"));
    }

    /// <summary>The refusal without what <see cref="For"/> shows already.</summary>
    public static Refusal? Rest(Refusal? refusal, Func<string, bool> isShown) =>
        refusal is null ? null : refusal with { Findings = [.. refusal.Findings.Where(f => f.Field is null || !isShown(f.Field))] };
}
