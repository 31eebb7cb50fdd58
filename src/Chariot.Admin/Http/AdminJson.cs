using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.Json;

namespace Chariot.Admin.Http;

/// <summary>How the API reads and writes JSON.</summary>
internal static class AdminJson
{
    public const int MaximumDepth = 32;

    public static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions();
        Configure(options);
        return options;
    }

    public static void Configure(JsonOptions options) => Configure(options.SerializerOptions);

    public static void Configure(JsonSerializerOptions options)
    {
        options.MaxDepth = MaximumDepth;
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        // A misspelt field of a full replacement would otherwise set its default in silence.
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
    }
}
