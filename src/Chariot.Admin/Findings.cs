using Chariot.Abstractions.Configuration;

namespace Chariot.Admin;

/// <summary>Short forms of the findings on request fields.</summary>
internal static class Findings
{
    public static Finding Error(string code, string field, string message) => new(code, FindingSeverity.Error, message) { Field = field };

    public static Finding Warning(string code, string field, string message, string? remedy = null) =>
        new(code, FindingSeverity.Warning, message) { Field = field, Remedy = remedy };
}
