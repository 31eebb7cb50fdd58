using System.Diagnostics;

namespace Chariot.TestKit;

/// <summary>Runs a command-line tool to its end.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Errors)
{
    /// <summary>Throws, output included, unless the exit code is 0.</summary>
    public CommandResult EnsureSuccess() => ExitCode == 0
        ? this
        : throw new InvalidOperationException($"exit code {ExitCode}{Environment.NewLine}{Output}{Environment.NewLine}{Errors}");
}

/// <summary>Starts tools such as <c>openssl</c> and <c>mosquitto_pub</c>; <c>tests/setup.sh</c> installs them.</summary>
public static class Command
{
    /// <summary>Runs <paramref name="file"/> with standard input closed. Throws when it takes longer than <paramref name="seconds"/>.</summary>
    public static async Task<CommandResult> RunAsync(string file, IEnumerable<string> arguments, string? workingDirectory = null, double seconds = 30)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? "",
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{file} did not start");
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{file} took longer than {seconds} s{Environment.NewLine}{await output}{Environment.NewLine}{await errors}");
        }

        return new CommandResult(process.ExitCode, await output, await errors);
    }

    public static Task<CommandResult> RunAsync(string file, params string[] arguments) => RunAsync(file, arguments, null);
}
