using System.Net;
using System.Text.Json.Nodes;

namespace Chariot.TestKit.Broker;

/// <summary>Status and body of an admin API call. <see cref="Body"/> is null when there is none or it is no JSON.</summary>
public sealed record AdminAnswer(HttpStatusCode Status, JsonNode? Body, string Text)
{
    /// <summary>The stable part of a problem's type: <c>credential-in-use</c>; null when it is no problem document.</summary>
    public string? Problem => (string?)(Body as JsonObject)?["type"] is { } type && type.StartsWith(Prefix, StringComparison.Ordinal) ? type[Prefix.Length..] : null;

    private const string Prefix = "urn:chariot:error:";

    /// <summary>Throws, body included, unless the status is one of 2xx.</summary>
    public AdminAnswer EnsureSuccess() => (int)Status is >= 200 and < 300
        ? this
        : throw new InvalidOperationException($"the admin API answered {(int)Status}: {Text}");
}
