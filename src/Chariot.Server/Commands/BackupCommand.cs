using System.CommandLine;
using System.Text.Json.Nodes;

namespace Chariot.Server.Commands;

/// <summary><c>chariot backup</c>: what is configured, in one file that only its owner may read.</summary>
internal static class BackupCommand
{
    private const string LacksHeader = "Chariot-Backup-Lacks";

    private static readonly Option<string> Out = new("--out") { Description = "File to write; it must not exist", HelpName = "file", Required = true };

    private static readonly Option<bool> WithKey = new("--with-key") { Description = "The private key too; needs a passphrase" };

    public static Command Create() => new Command("backup", "Save what is configured: settings, credentials, accounts, client trust, SSL. Not sessions, queues and retained messages: those are in the store's own backup")
    {
        Out, WithKey, BackupPassphrase.File,
    }.Calls(SaveAsync, Show);

    private static async Task<ApiAnswer> SaveAsync(ParseResult parsed, AdminApi api, CancellationToken stop)
    {
        var file = parsed.GetValue(Out)!;
        if (Path.Exists(file))
        {
            throw new UsageException($"'{file}' exists and is not overwritten.");
        }

        var passphrase = BackupPassphrase.ForNew(parsed);
        if (passphrase is null && parsed.GetValue(WithKey))
        {
            throw new UsageException("A private key is saved under a passphrase only. Give --passphrase-file, or set CHARIOT_BACKUP_PASSPHRASE.");
        }

        var (answer, content, lacks) = await api.DownloadAsync(
            "backup", new JsonObject { ["passphrase"] = passphrase, ["includeKey"] = parsed.GetValue(WithKey) }, LacksHeader, stop);
        if (content is null)
        {
            return answer;
        }

        Write(file, content);
        return ApiAnswer.Of(new JsonObject
        {
            ["file"] = file,
            ["bytes"] = content.Length,
            ["encrypted"] = passphrase is not null,
            ["lacks"] = new JsonArray([.. lacks.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(name => (JsonNode)name)]),
        });
    }

    private static void Write(string file, byte[] content)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            using var stream = new FileStream(file, options);
            stream.Write(content);
            stream.Flush(flushToDisk: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"'{file}' cannot be written: {error.Message}", error);
        }
    }

    private static void Show(ApiAnswer answer, ParseResult parsed, TextWriter output)
    {
        output.WriteLine($"{answer.Body.Text("file")}: {answer.Body.Text("bytes")} bytes, {(answer.Body.IsTrue("encrypted") ? "encrypted" : "not encrypted")}.");
        foreach (var name in answer.Body.Items("lacks"))
        {
            output.WriteLine(name.Text() switch
            {
                "private-key" => "It lacks the private key: after a restore SSL has to be set up with the key. To save it too: --with-key and a passphrase.",
                "encryption" => "It is not encrypted: whoever reads it has the password verifiers, and can guess at weak passwords. To encrypt it, give a passphrase.",
                "api-tokens" => "It lacks API tokens, as every backup does: make new ones after a restore.",
                var other => $"It lacks {other}.",
            });
        }

        output.WriteLine("Sessions, queues and retained messages are not in it: back the store up for those. Keep the master key file too: generated MQTT passwords are good with it alone.");
    }
}
