using System.Text.Json;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary>Reads fields of an answer that an older or newer server may have left out.</summary>
internal static class JsonFields
{
    /// <summary>The field as text, numbers and booleans included; null when it is missing or null.</summary>
    public static string? Text(this JsonNode? node, string field) => node.Field(field).Text();

    public static string? Text(this JsonNode? node) => node switch
    {
        null => null,
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        _ => node.ToJsonString(),
    };

    public static bool IsTrue(this JsonNode? node, string field) => node.Field(field)?.GetValueKind() == JsonValueKind.True;

    public static JsonNode? Field(this JsonNode? node, string field) => (node as JsonObject)?[field];

    public static IEnumerable<JsonNode?> Items(this JsonNode? node, string field) => node.Field(field) as JsonArray ?? [];

    /// <summary>A list of texts in one cell.</summary>
    public static string Joined(this JsonNode? node, string field) => string.Join(", ", node.Items(field).Select(item => item.Text()));

    /// <summary>An RFC 3339 time without fractions, UTC.</summary>
    public static string Time(this JsonNode? node, string field) => Instant(node, field)?.ToString("yyyy-MM-dd HH:mm:ss'Z'", null) ?? "";

    public static DateTime? Instant(this JsonNode? node, string field) =>
        DateTimeOffset.TryParse(node.Text(field), null, System.Globalization.DateTimeStyles.AssumeUniversal, out var time) ? time.UtcDateTime : null;
}
