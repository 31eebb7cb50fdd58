using System.Diagnostics;

namespace Chariot.TestKit.Certificates;

/// <summary>The installed openssl (or another tool), in a temporary directory that is removed afterwards.</summary>
public sealed class OpenSsl : IDisposable
{
    private readonly DirectoryInfo _directory = System.IO.Directory.CreateTempSubdirectory("chariot-");

    public string Directory => _directory.FullName;

    /// <summary>Runs openssl with <paramref name="arguments"/> (split at blanks); throws when it fails.</summary>
    public OpenSsl Run(string arguments) => Run("openssl", arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    public OpenSsl Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo(tool, arguments) { WorkingDirectory = Directory, RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? this : throw new InvalidOperationException($"{tool} {string.Join(' ', arguments)}: {error}{output.Result}");
    }

    public byte[] Read(string file) => File.ReadAllBytes(Path.Combine(Directory, file));

    public string ReadText(string file) => File.ReadAllText(Path.Combine(Directory, file));

    public OpenSsl Write(string file, string content)
    {
        File.WriteAllText(Path.Combine(Directory, file), content);
        return this;
    }

    /// <summary>Runs one command that writes the file <c>out</c>, and answers its content.</summary>
    public static byte[] Output(string arguments)
    {
        using var tool = new OpenSsl();
        return tool.Run(arguments + " -out out").Read("out");
    }

    public void Dispose() => _directory.Delete(recursive: true);
}
