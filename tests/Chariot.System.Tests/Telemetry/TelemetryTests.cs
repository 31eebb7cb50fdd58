using System.Text;
using Chariot.TestKit;
using Chariot.TestKit.Broker;
using Chariot.TestKit.Mqtt;

namespace Chariot.SystemTests.Telemetry;

/// <summary>The export to an OpenTelemetry collector.</summary>
public sealed class TelemetryTests
{
    [Theory]
    [InlineData("Chariot__Telemetry__OtlpEndpoint")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT")]
    public async Task WithAnEndpoint_LogsMetricsAndTraces_AreSent(string variable)
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var broker = await BrokerProcess.StartAsync(Sending(receiver.Endpoint, variable));
        await using var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "measured" });
        await client.SubscribeAsync("a");
        (await broker.Admin.GetAsync("nodes")).EnsureSuccess();

        await ReceivesAsync(receiver, "logs", "Ready: node drill accepts clients", "service.name", "chariot", "drill");
        await ReceivesAsync(receiver, "metrics", "chariot.connections", "chariot.messages.received", "dotnet.gc.collections", "http.server.request.duration", "orleans-");
        await ReceivesAsync(receiver, "traces", "Microsoft.AspNetCore", "/api/v1/nodes");
    }

    /// <summary>Off, it is not even loaded.</summary>
    [Fact]
    public async Task WithoutAnEndpoint_NothingOfItRuns()
    {
        await using var broker = await BrokerProcess.StartAsync(BrokerOptions.AllowAnonymous);
        var loaded = await File.ReadAllTextAsync($"/proc/{broker.Pid}/maps");

        Assert.Contains("Orleans.Runtime.dll", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("OpenTelemetry", loaded, StringComparison.Ordinal);
    }

    /// <summary>A collector that is not there costs nobody anything.</summary>
    [Fact]
    public async Task WithNobodyListening_TheBrokerServes_AndStopsInOrder()
    {
        await using var broker = await BrokerProcess.StartAsync(Sending("http://127.0.0.1:1"));
        await using (var client = await RawMqttClient.ConnectAsync(broker.Ports.Mqtt, new ConnectPacket { ClientId = "unmeasured" }))
        {
            await client.SubscribeAsync("a");
        }

        Assert.Equal(0, await broker.StopAsync(60));
    }

    [Theory]
    [InlineData("Chariot__Telemetry__OtlpEndpoint", "collector")]
    [InlineData("Chariot__Telemetry__OtlpEndpoint", "http://name:secret-of-it@collector:4318")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "collector of mine")]
    public async Task AnEndpointThatIsNoAddress_EndsWithCode2(string variable, string endpoint)
    {
        await using var broker = BrokerProcess.Launch(Sending(endpoint, variable));

        Assert.Equal(2, await broker.WaitForExitAsync(60));
        Assert.Contains("must be an", broker.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-of-it", broker.Output, StringComparison.Ordinal);
    }

    private static BrokerOptions Sending(string endpoint, string variable = "Chariot__Telemetry__OtlpEndpoint") => BrokerOptions.AllowAnonymous with
    {
        Environment = new Dictionary<string, string> { [variable] = endpoint, ["OTEL_METRIC_EXPORT_INTERVAL"] = "500", ["OTEL_BLRP_SCHEDULE_DELAY"] = "200", ["OTEL_BSP_SCHEDULE_DELAY"] = "200" },
    };

    private static async Task ReceivesAsync(OtlpReceiver receiver, string signal, params string[] texts)
    {
        foreach (var text in texts)
        {
            await Eventually.TrueAsync(() => receiver.Received(signal).AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0, $"{signal} with {text}", 60);
        }
    }
}
