using System.Text;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Backup;

/// <summary>The secret that a backup is encrypted under.</summary>
internal static class Passphrase
{
    /// <summary>Null when it is good, or when there is none.</summary>
    public static Finding? Check(ClearSecret? passphrase)
    {
        if (passphrase is null)
        {
            return null;
        }

        return passphrase.Bytes.Length > BackupFile.MaximumPassphrase || Encoding.UTF8.GetCharCount(passphrase.Bytes) < BackupFile.MinimumPassphrase
            ? Findings.Error("passphrase.length", "passphrase", $"The passphrase must have at least {BackupFile.MinimumPassphrase} characters, and at most {BackupFile.MaximumPassphrase} bytes.")
            : null;
    }

    /// <summary>Null for none or an empty one.</summary>
    public static ClearSecret? From(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        var secret = new ClearSecret(Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, secret.Bytes);
        return secret;
    }
}
