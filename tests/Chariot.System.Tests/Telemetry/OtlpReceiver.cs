using System.Collections.Concurrent;
using System.IO.Compression;
using Chariot.TestKit.Broker;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Chariot.SystemTests.Telemetry;

/// <summary>Stands where an OpenTelemetry collector would: takes OTLP over HTTP and keeps every body as it came, unpacked.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, ConcurrentQueue<byte[]>> _bodies = new();

    private OtlpReceiver(int port)
    {
        Endpoint = $"http://127.0.0.1:{port}";
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(Endpoint);
        _app = builder.Build();
        _app.Run(TakeAsync);
    }

    public string Endpoint { get; }

    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver(BrokerPorts.Free());
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>All that came for one signal: <c>logs</c>, <c>metrics</c>, <c>traces</c>.</summary>
    public byte[] Received(string signal) => _bodies.TryGetValue("/v1/" + signal, out var bodies) ? [.. bodies.SelectMany(body => body)] : [];

    /// <summary>All that came, whatever it was sent as.</summary>
    public byte[] ReceivedAll => [.. _bodies.Values.SelectMany(bodies => bodies).SelectMany(body => body)];

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await using var content = context.Request.Headers.ContentEncoding == "gzip" ? new GZipStream(context.Request.Body, CompressionMode.Decompress) : context.Request.Body;
        await content.CopyToAsync(body, context.RequestAborted);
        _bodies.GetOrAdd(context.Request.Path, _ => []).Enqueue(body.ToArray());

        // An empty ExportLogsServiceResponse: everything was taken.
        context.Response.ContentType = "application/x-protobuf";
    }
}
