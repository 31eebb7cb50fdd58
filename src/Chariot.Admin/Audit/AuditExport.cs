using System.Globalization;
using System.Text;
using System.Text.Json;
using Chariot.Abstractions.Stores;
using Chariot.Admin.Http;
using Microsoft.AspNetCore.Http;

namespace Chariot.Admin.Audit;

/// <summary>The audit log as a file, row by row while it is read.</summary>
internal sealed class AuditExport(IAsyncEnumerable<AuditEntry> entries, bool isCsv, DateTimeOffset now) : IResult
{
    private const string Columns = "id,at,actor,address,action,target,outcome,detail\r\n";

    private static readonly JsonSerializerOptions Json = AdminJson.Create();

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = isCsv ? "text/csv; charset=utf-8" : "application/json; charset=utf-8";
        var name = "chariot-audit-" + now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture) + (isCsv ? ".csv" : ".json");
        response.Headers.ContentDisposition = $"attachment; filename=\"{name}\"";
        await using var writer = new StreamWriter(response.Body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: isCsv), 16 * 1024);
        await writer.WriteAsync(isCsv ? Columns : "[");
        var isFirst = true;
        await foreach (var entry in entries.WithCancellation(httpContext.RequestAborted))
        {
            await writer.WriteAsync(isCsv ? Row(entry) : (isFirst ? "\n" : ",\n") + JsonSerializer.Serialize(AuditView.From(entry), Json));
            isFirst = false;
        }

        await writer.WriteAsync(isCsv ? "" : "\n]\n");
    }

    private static string Row(AuditEntry entry) => string.Join(
        ',',
        entry.Id.ToString(CultureInfo.InvariantCulture),
        entry.At.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
        Cell(entry.Actor),
        Cell(entry.Address),
        Cell(entry.Action),
        Cell(entry.Target),
        Cell(entry.Outcome),
        Cell(entry.Detail)) + "\r\n";

    /// <summary>
    /// RFC 4180 section 2. A cell that a spreadsheet would take for a formula gets an apostrophe in front: names come from
    /// whoever tries to sign in.
    /// </summary>
    private static string Cell(string value)
    {
        var text = value.Length > 0 && value[0] is '=' or '+' or '-' or '@' or '\t' or '\r' ? "'" + value : value;
        return '"' + text.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';
    }
}
