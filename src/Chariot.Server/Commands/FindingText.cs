using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary>Findings of an answer: severity, code, where, what, and below it what to do.</summary>
internal static class FindingText
{
    public static void Write(JsonNode? body, TextWriter output)
    {
        foreach (var finding in body.Items("findings"))
        {
            string?[] head = [finding.Text("severity"), finding.Text("code"), Place(finding)];
            output.WriteLine(AlignedText.Clean($"  {string.Join("  ", head.Where(part => !string.IsNullOrEmpty(part)))}: {finding.Text("message")}"));
            if (finding.Text("remedy") is { Length: > 0 } remedy)
            {
                output.WriteLine(AlignedText.Clean($"      {remedy}"));
            }
        }
    }

    public static bool HasErrors(JsonNode? body) => body.Items("findings").Any(finding => finding.Text("severity") == "error");

    public static bool Has(JsonNode? body, string code) => body.Items("findings").Any(finding => finding.Text("code") == code);

    private static string Place(JsonNode? finding)
    {
        string?[] parts = [finding.Text("file"), finding.Text("field"), finding.Text("line") is { } line ? $"line {line}" : null];
        return string.Join(" ", parts.Where(part => !string.IsNullOrEmpty(part)));
    }
}
