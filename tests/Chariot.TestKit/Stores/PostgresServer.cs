using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Chariot.TestKit.Broker;

namespace Chariot.TestKit.Stores;

/// <summary>
/// A PostgreSQL server of this test run alone: fresh data in a temporary directory, one free loopback port, no fsync. It runs as
/// the user <c>postgres</c> when the tests run as root, which the server refuses. Disposal stops it and removes its data.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private readonly TempDirectory _directory;
    private readonly string _tools;
    private Process? _process;
    private int _databases;

    private PostgresServer(string tools)
    {
        _tools = tools;
        _directory = new TempDirectory();
        Port = BrokerPorts.Free();
    }

    public int Port { get; }

    private string Data => _directory.File("data");

    public static async Task<PostgresServer> StartAsync()
    {
        var server = new PostgresServer(FindTools());
        try
        {
            await server.InitializeAsync();
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes a database and returns its connection string; <paramref name="template"/> is a database to copy.</summary>
    public async Task<string> CreateDatabaseAsync(string? template = null)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test{Interlocked.Increment(ref _databases)}");
        IEnumerable<string> arguments = ["-h", "127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture), "-U", "chariot", name];
        (await Command.RunAsync(Path.Combine(_tools, "createdb"), template is null ? arguments : arguments.Append("--template=" + template))).EnsureSuccess();
        return ConnectionString(name);
    }

    public string ConnectionString(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username=chariot;Database={database};Maximum Pool Size=20");

    /// <summary>Ends the server at once, as a crash does: nothing it has acknowledged is lost, connections are.</summary>
    public async Task KillAsync()
    {
        var (process, pid) = (_process!, ReadPid());
        const int SigQuit = 3;
        if (kill(pid, SigQuit) != 0)
        {
            throw new InvalidOperationException($"SIGQUIT to PostgreSQL ({pid}) failed");
        }

        await process.WaitForExitAsync();
        process.Dispose();
        _process = null;
    }

    /// <summary>Starts the server on its data, after <see cref="KillAsync"/>.</summary>
    public async Task StartAgainAsync()
    {
        var port = Port.ToString(CultureInfo.InvariantCulture);
        _process = Start(
            Path.Combine(_tools, "postgres"),
            ["-D", Data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=300"]);
        await Eventually.TrueAsync(
            async () => (await Command.RunAsync(Path.Combine(_tools, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port, "-d", "postgres", "-U", "chariot")).ExitCode == 0,
            "PostgreSQL accepts connections",
            60);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await KillAsync();
        }

        _directory.Dispose();
    }

    private static string FindTools() =>
        Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderBy(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).Last() + "/bin"
            : throw new InvalidOperationException("PostgreSQL is not installed; run tests/setup.sh");

    private async Task InitializeAsync()
    {
        Directory.CreateDirectory(Data);
        if (IsRoot)
        {
            // The server's user must be able to pass through the directory that is ours.
            (await Command.RunAsync("chmod", "go+x", _directory.Path)).EnsureSuccess();
            (await Command.RunAsync("chown", "postgres", Data)).EnsureSuccess();
        }

        using var process = Start(Path.Combine(_tools, "initdb"), ["-D", Data, "-U", "chariot", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions", "-N"]);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"initdb ended with code {process.ExitCode}");
        }
    }

    private static bool IsRoot => Environment.UserName == "root";

    private static Process Start(string file, IEnumerable<string> arguments)
    {
        // A directory that its user may be in; what it writes to the console is nobody's.
        var start = IsRoot
            ? new ProcessStartInfo("runuser", ["-u", "postgres", "--", file, .. arguments])
            : new ProcessStartInfo(file, arguments);
        start.WorkingDirectory = "/";
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    // The process that was started may be runuser; the server's own id is in its file.
    private int ReadPid() => int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int pid, int signal);
}
