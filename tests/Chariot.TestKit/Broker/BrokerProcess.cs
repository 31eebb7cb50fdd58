using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Chariot.TestKit.Broker;

/// <summary>
/// The real server as an operating-system process, on its own data directory and ports. It can be stopped, killed and
/// started again on the same ones. Disposal ends it and removes the directory.
/// </summary>
public sealed partial class BrokerProcess : IAsyncDisposable
{
    private readonly BrokerOptions _options;
    private readonly TempDirectory? _ownDirectory;
    private readonly StringBuilder _output = new();
    private Process? _process;
    private TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AdminClient? _admin;

    private BrokerProcess(BrokerOptions options)
    {
        _options = options;
        Ports = options.Ports ?? BrokerPorts.Choose();
        _ownDirectory = options.DataDirectory is null ? new TempDirectory() : null;
        DataDirectory = options.DataDirectory ?? _ownDirectory!.Path;
    }

    public BrokerPorts Ports { get; }

    public string DataDirectory { get; }

    /// <summary>Everything written to stdout and stderr since the first start.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public int Pid => Current.Id;

    public bool HasExited => Current.HasExited;

    public int ExitCode => Current.ExitCode;

    /// <summary>Signed in as administrator on first use. Null password (one-time password) needs its own client.</summary>
    public AdminClient Admin => _admin ??= new AdminClient(Ports.Http, _options.AdminPassword ?? throw new InvalidOperationException("this broker has a one-time password"));

    private Process Current => _process ?? throw new InvalidOperationException("not started");

    /// <summary>Starts the broker and waits for "Ready".</summary>
    public static async Task<BrokerProcess> StartAsync(BrokerOptions? options = null)
    {
        var broker = Launch(options);
        try
        {
            await broker.WaitForReadyAsync();
            return broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the broker and waits for nothing: for starts that are meant to fail.</summary>
    public static BrokerProcess Launch(BrokerOptions? options = null)
    {
        var broker = new BrokerProcess(options ?? new BrokerOptions());
        broker.Start();
        return broker;
    }

    public async Task WaitForReadyAsync()
    {
        var exited = Current.WaitForExitAsync();
        var timeout = Task.Delay(TimeSpan.FromSeconds(_options.StartSeconds));
        var first = await Task.WhenAny(_ready.Task, exited, timeout);
        if (first != _ready.Task)
        {
            throw new InvalidOperationException(
                (first == exited ? $"the broker exited with code {ExitCode} before it was ready" : $"the broker was not ready within {_options.StartSeconds} s")
                + Environment.NewLine + Output);
        }
    }

    /// <summary>Waits for the end of the process and returns its exit code.</summary>
    public async Task<int> WaitForExitAsync(double seconds = 30)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        try
        {
            await Current.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the broker did not exit within {seconds} s{Environment.NewLine}{Output}");
        }

        return ExitCode;
    }

    /// <summary>SIGKILL to this process alone, and waits until it is gone.</summary>
    public async Task Kill9Async()
    {
        Current.Kill();
        await WaitForExitAsync();
    }

    /// <summary>SIGSTOP: the process hangs, its sockets stay. Returns when all of its threads have stopped.</summary>
    public void Suspend()
    {
        Signal(19);
        // The thread that takes the signal must be scheduled before it stops the others.
        SpinWait.SpinUntil(() => Directory.GetDirectories($"/proc/{Pid}/task").All(task => File.ReadLines(task + "/stat").First().Split(") ")[^1][0] == 'T'));
    }

    /// <summary>SIGCONT.</summary>
    public void Resume() => Signal(18);

    /// <summary>SIGTERM, and waits for the orderly end. Returns the exit code.</summary>
    public async Task<int> StopAsync(double seconds = 40)
    {
        if (!Current.HasExited)
        {
            Signal(15);
        }

        return await WaitForExitAsync(seconds);
    }

    /// <summary>Starts again on the same data directory and ports, after <see cref="Kill9Async"/> or <see cref="StopAsync"/>.</summary>
    public Task StartAgainAsync()
    {
        LaunchAgain();
        return WaitForReadyAsync();
    }

    /// <summary>Starts again and waits for nothing.</summary>
    public void LaunchAgain()
    {
        var ended = Current;
        if (!ended.HasExited)
        {
            throw new InvalidOperationException("still running");
        }

        ForgetAdmin();
        Start();
        ended.Dispose();
    }

    /// <summary>Orderly stop and start.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    public async ValueTask DisposeAsync()
    {
        ForgetAdmin();
        if (_process is { } process)
        {
            if (!process.HasExited)
            {
                process.Kill();
                await process.WaitForExitAsync();
            }

            process.Dispose();
        }

        _ownDirectory?.Dispose();
    }

    private void Signal(int number)
    {
        if (SendSignal(Pid, number) != 0)
        {
            throw new InvalidOperationException($"signal {number} to {Pid} failed with error {Marshal.GetLastPInvokeError()}");
        }
    }

    private void ForgetAdmin()
    {
        _admin?.Dispose();
        _admin = null;
    }

    private void Start()
    {
        _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
        string[] command = [.. _options.Prefix, "dotnet"];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // The default data directory is relative: nothing may land in the sources.
            WorkingDirectory = DataDirectory,
        };
        start.ArgumentList.Add(Repository.ServerAssembly);
        foreach (var argument in _options.Arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (key, value) in Configuration().Concat(_options.Configuration))
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        start.Environment.Remove("CHARIOT_ADMIN_PASSWORD");
        if (_options.AdminPassword is { } password)
        {
            start.Environment["CHARIOT_ADMIN_PASSWORD"] = password;
        }

        foreach (var (key, value) in _options.Environment)
        {
            start.Environment[key] = value;
        }

        var process = new Process { StartInfo = start };
        var ready = _ready;
        process.OutputDataReceived += (_, line) => Keep(line.Data, ready);
        process.ErrorDataReceived += (_, line) => Keep(line.Data, null);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
    }

    private void Keep(string? line, TaskCompletionSource? ready)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.AppendLine(line);
        }

        if (ready is not null && ReadyLine().IsMatch(line))
        {
            ready.TrySetResult();
        }
    }

    private Dictionary<string, string> Configuration() => new()
    {
        ["Chariot:DataDirectory"] = DataDirectory,
        ["Chariot:NodeName"] = "drill",
        ["Chariot:Mqtt:BindAddress"] = "127.0.0.1",
        ["Chariot:Mqtt:Port"] = $"{Ports.Mqtt}",
        ["Chariot:Mqtt:SecurePort"] = $"{Ports.Mqtts}",
        ["Chariot:Mqtt:WebSocketPort"] = $"{Ports.Ws}",
        ["Chariot:Mqtt:WebSocketSecurePort"] = $"{Ports.Wss}",
        ["Chariot:Admin:BindAddress"] = "127.0.0.1",
        ["Chariot:Admin:HttpPort"] = $"{Ports.Http}",
        ["Chariot:Admin:HttpsPort"] = $"{Ports.Https}",
        ["Chariot:Cluster:SiloPort"] = $"{Ports.Silo}",
        ["Chariot:Cluster:GatewayPort"] = $"{Ports.Gateway}",
        ["Chariot:Cluster:AdvertisedAddress"] = "127.0.0.1",
    };

    /// <summary>The word alone, so that "not ready" and "ReadyToRun" are not taken for it.</summary>
    [GeneratedRegex(@"(?<!\w)Ready(?!\w)")]
    public static partial Regex ReadyLine();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int pid, int signal);
}
