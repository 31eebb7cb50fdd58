using System.CommandLine;

namespace Chariot.Server.Commands;

/// <summary>
/// The passphrase of a backup: from a file, from the environment, or typed. Never an argument, which other users of the machine could see.
/// </summary>
internal static class BackupPassphrase
{
    private const string Variable = "CHARIOT_BACKUP_PASSPHRASE";

    public static readonly Option<string?> File = new("--passphrase-file")
    {
        Description = $"File whose first line is the passphrase. Environment: {Variable}, the passphrase itself. Else it is asked for",
        HelpName = "file",
    };

    /// <summary>For a new backup. Null when none is wanted.</summary>
    public static string? ForNew(ParseResult parsed)
    {
        if (Given(parsed) is { } given)
        {
            return given;
        }

        if (!Question.CanAsk)
        {
            return null;
        }

        var typed = Question.Secret("Passphrase of the backup (empty: not encrypted)");
        if (typed.Length > 0 && Question.Secret("Once more") != typed)
        {
            throw new UsageException("The two passphrases differ.");
        }

        return typed.Length == 0 ? null : typed;
    }

    /// <summary>Of a backup that is encrypted.</summary>
    public static string ForExisting(ParseResult parsed) => Given(parsed)
        ?? (Question.CanAsk ? Question.Secret("Passphrase of the backup") : throw new UsageException($"The backup is encrypted. Give --passphrase-file, or set {Variable}."));

    private static string? Given(ParseResult parsed)
    {
        if (parsed.GetValue(File) is not { } path)
        {
            return Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } value ? value : null;
        }

        try
        {
            using var reader = new StreamReader(path);
            return reader.ReadLine() is { Length: > 0 } line ? line : throw new UsageException($"The first line of '{path}' is empty.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"'{path}' cannot be read: {error.Message}", error);
        }
    }
}
