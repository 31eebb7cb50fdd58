using System.CommandLine;
using System.Text;

namespace Chariot.Server.Commands;

/// <summary>
/// Where the passphrase of an encrypted private key comes from: a file, the environment, or the person at the terminal. Never an
/// argument, which other users of the machine can see.
/// </summary>
internal static class KeyPassphrase
{
    private const string Variable = "CHARIOT_KEY_PASSPHRASE";

    public static readonly Option<string?> File = new("--passphrase-file")
    {
        Description = $"File whose first line is the passphrase of an encrypted --key; - reads standard input. Environment: {Variable}. Without either it is asked for",
        HelpName = "file",
    };

    /// <summary>In bytes as they are in the file or typed; null when none is given.</summary>
    public static byte[]? Given(ParseResult parsed, bool hasKey)
    {
        if (parsed.GetValue(File) is { } file)
        {
            return hasKey ? FirstLine(file) : throw new UsageException("--passphrase-file goes with --key.");
        }

        return hasKey && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } value ? Encoding.UTF8.GetBytes(value) : null;
    }

    /// <summary>Typed without being shown; null when nobody can be asked or nothing is typed.</summary>
    public static byte[]? Ask()
    {
        if (Console.IsInputRedirected || Console.IsErrorRedirected)
        {
            return null;
        }

        Console.Error.Write("Passphrase of the private key: ");
        var typed = new StringBuilder();
        for (var key = Console.ReadKey(intercept: true); key.Key != ConsoleKey.Enter; key = Console.ReadKey(intercept: true))
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                typed.Length = Math.Max(0, typed.Length - 1);
            }
            else if (!char.IsControl(key.KeyChar))
            {
                typed.Append(key.KeyChar);
            }
        }

        Console.Error.WriteLine();
        return typed.Length == 0 ? null : Encoding.UTF8.GetBytes(typed.ToString());
    }

    private static byte[] FirstLine(string file)
    {
        try
        {
            using var source = file == "-" ? Console.OpenStandardInput() : System.IO.File.OpenRead(file);
            var line = new List<byte>();
            for (var next = source.ReadByte(); next is >= 0 and not '\n'; next = source.ReadByte())
            {
                line.Add((byte)next);
            }

            if (line is [.., (byte)'\r'])
            {
                line.RemoveAt(line.Count - 1);
            }

            return line.Count > 0 ? [.. line] : throw new UsageException($"There is no passphrase in '{file}'.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"'{file}' cannot be read: {error.Message}", error);
        }
    }
}
