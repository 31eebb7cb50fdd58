using System.Text.Json;
using System.Text.Json.Nodes;
using Chariot.Abstractions.Configuration;
using Chariot.Admin;
using Chariot.Admin.Http;

namespace Chariot.Ui.Ssl;

/// <summary>Reads back a problem document that the browser got from the API.</summary>
internal static class ProblemText
{
    private static readonly JsonSerializerOptions Json = AdminJson.Create();

    public static Refusal Read(int status, string body)
    {
        try
        {
            var problem = JsonNode.Parse(body);
            var type = problem?["type"]?.GetValue<string>() ?? "";
            var detail = problem?["detail"]?.GetValue<string>();
            return type.StartsWith(Problem.TypePrefix, StringComparison.Ordinal) && detail is not null
                ? new Refusal(status, type[Problem.TypePrefix.Length..], detail) { Findings = [.. problem!["findings"]?.Deserialize<Finding[]>(Json) ?? []] }
                : Unreadable(status);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Unreadable(status);
        }
    }

    private static Refusal Unreadable(int status) => status == 0
        ? new(status, "upload-failed", "The upload did not reach the broker. Try again.")
        : Problem.ForStatus(status);
}
