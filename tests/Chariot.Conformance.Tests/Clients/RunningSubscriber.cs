using System.Collections.Concurrent;
using System.Diagnostics;
using Chariot.TestKit;

namespace Chariot.Conformance.Tests.Clients;

/// <summary>A subscribing program, with the lines that it has printed. Disposal kills it.</summary>
internal sealed class RunningSubscriber : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    public RunningSubscriber(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Count(string text) => _lines.Count(line => line == text);

    public async Task SeesAsync(string text)
    {
        try
        {
            await Eventually.TrueAsync(() => Count(text) > 0, $"'{text}'", 60);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{_process.StartInfo.FileName} never printed '{text}', but{Environment.NewLine}{string.Join(Environment.NewLine, _lines)}");
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            _lines.Enqueue(line);
        }
    }
}
