namespace Chariot.Server.Hosting;

/// <summary>Section <c>Chariot:Telemetry</c>.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>
    /// Where logs, metrics and traces are sent: base address of an OpenTelemetry collector, <c>http://collector:4318</c>. Without it
    /// OTEL_EXPORTER_OTLP_ENDPOINT counts; without both nothing is sent and nothing runs.
    /// </summary>
    public string? OtlpEndpoint { get; set; }

    /// <summary>What is wrong, in a sentence that does not repeat a value that may hold a password.</summary>
    public string? Validate() =>
        string.IsNullOrWhiteSpace(OtlpEndpoint) || (Uri.TryCreate(OtlpEndpoint, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps) && uri.UserInfo.Length == 0)
            ? null
            : "Chariot:Telemetry:OtlpEndpoint must be an http or https address without a user name, such as http://localhost:4318; headers go in OTEL_EXPORTER_OTLP_HEADERS.";
}
