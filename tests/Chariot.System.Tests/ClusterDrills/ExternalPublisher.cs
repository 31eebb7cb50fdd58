using System.Diagnostics;
using System.Globalization;
using Chariot.TestKit.Broker;

namespace Chariot.SystemTests.ClusterDrills;

/// <summary>A publisher in a process of its own (paho), with a connection to one silo: it shares nothing with the subscriber but the cluster.</summary>
internal sealed class ExternalPublisher : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Process _process;

    public ExternalPublisher(int port, string clientId)
    {
        var script = Path.Combine(Repository.Root, "tests/Chariot.System.Tests/ClusterDrills/publish_lines.py");
        _process = Process.Start(new ProcessStartInfo("/usr/bin/python3", [script, port.ToString(CultureInfo.InvariantCulture), clientId])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
    }

    /// <summary>Returns when the broker has answered, and for QoS 0 when it is on its way.</summary>
    public async Task PublishAsync(string topic, string payload, int qos)
    {
        await _turn.WaitAsync();
        try
        {
            await _process.StandardInput.WriteLineAsync(FormattableString.Invariant($"{qos} {topic} {payload}"));
            await _process.StandardInput.FlushAsync();
            var answer = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
            _ = answer == "done" ? answer : throw new InvalidOperationException($"the publishing process answered '{answer}'");
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
        }

        _process.Dispose();
        _turn.Dispose();
    }
}
