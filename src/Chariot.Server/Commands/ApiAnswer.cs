using System.Net;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary>An answer of the admin API. <see cref="Body"/> is null when there is none or it is no JSON.</summary>
internal sealed record ApiAnswer(HttpStatusCode Status, JsonNode? Body, string? EntityTag = null)
{
    public bool Succeeded => (int)Status is >= 200 and < 300;

    /// <summary>200 with a body put together from several answers.</summary>
    public static ApiAnswer Of(JsonNode body) => new(HttpStatusCode.OK, body);

    /// <summary>A problem as the API would write it, for what is decided here.</summary>
    public static ApiAnswer Conflict(string code, string detail) => new(HttpStatusCode.Conflict, new JsonObject
    {
        ["type"] = "urn:chariot:error:" + code,
        ["title"] = "Conflict",
        ["status"] = (int)HttpStatusCode.Conflict,
        ["detail"] = detail,
    });

    /// <summary>The refusal in one sentence.</summary>
    public string Sentence() => Body.Text("detail") is { Length: > 0 } detail
        ? detail
        : $"The server answered {(int)Status} {Status}.";
}
