using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Chariot.Server.Hosting;

/// <summary>
/// Sends logs, metrics and traces to an OpenTelemetry collector (OTLP), when one is configured. Logs are those of the console, under the
/// same <c>Logging</c> levels. Nothing of it is on the message path: a message is neither logged nor traced, and counters are read when they are sent.
/// </summary>
internal static class TelemetryExport
{
    // The standard's own names, read by every OpenTelemetry program: headers, time-out and protocol too.
    private const string StandardEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string StandardProtocol = "OTEL_EXPORTER_OTLP_PROTOCOL";

    private static readonly string[] Meters = [NodeMeter.Name, "System.Runtime", "Microsoft.Orleans", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"];

    public static void AddTelemetryExport(this WebApplicationBuilder builder, BrokerOptions options)
    {
        if (EndpointOf(builder.Configuration, options.Telemetry) is { } endpoint)
        {
            Add(builder, options.NodeName, endpoint);
        }
    }

    // Alone, so that without an endpoint none of its libraries is loaded.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Add(WebApplicationBuilder builder, string nodeName, Uri endpoint)
    {
        // By default requests are traced without their method, path and status. Read when the host is made.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        var protocol = builder.Configuration[StandardProtocol] == "grpc" ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        builder.Services.AddSingleton<NodeMeter>();
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("chariot", serviceVersion: typeof(TelemetryExport).Assembly.GetName().Version?.ToString(3), serviceInstanceId: nodeName))
            .WithLogging(configureBuilder: null, configureOptions: logs => logs.IncludeFormattedMessage = true)
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Meters);
                // Made with the provider, so that it is there before the first collection.
                metrics.AddInstrumentation(provider => provider.GetRequiredService<NodeMeter>());
            })
            .WithTracing(traces => traces.AddSource("Microsoft.AspNetCore"))
            .UseOtlpExporter(protocol, endpoint);
    }

    private static Uri? EndpointOf(ConfigurationManager configuration, TelemetryOptions options)
    {
        var address = string.IsNullOrWhiteSpace(options.OtlpEndpoint) ? configuration[StandardEndpoint] : options.OtlpEndpoint;
        if (string.IsNullOrWhiteSpace(address))
        {
            return null;
        }

        return Uri.TryCreate(address, UriKind.Absolute, out var endpoint)
            ? endpoint
            : throw new OptionsValidationException(StandardEndpoint, typeof(TelemetryOptions), [$"{StandardEndpoint} must be an address such as http://localhost:4318."]);
    }
}
