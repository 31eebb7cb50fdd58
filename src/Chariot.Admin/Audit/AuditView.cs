using System.Text.Json;
using Chariot.Abstractions.Stores;

namespace Chariot.Admin.Audit;

internal sealed record AuditView(long Id, DateTimeOffset At, string Actor, string Address, string Action, string Target, string Outcome, object Detail)
{
    public static AuditView From(AuditEntry entry) =>
        new(entry.Id, entry.At, entry.Actor, entry.Address, entry.Action, entry.Target, entry.Outcome, Parse(entry.Detail));

    private static object Parse(string detail)
    {
        try
        {
            using var document = JsonDocument.Parse(detail);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // Entries of other writers may be plain text.
            return detail;
        }
    }
}
