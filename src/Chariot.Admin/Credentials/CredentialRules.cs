using System.Collections.Immutable;
using System.Text;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Credentials;

/// <summary>What a credential's name and password may be; ACLs have rules of their own (<see cref="Chariot.Abstractions.Access.AccessRules"/>). Sizes are those of MQTT's fields (UTF-8 bytes).</summary>
internal static class CredentialRules
{
    public const int MaximumUsernameBytes = 256;
    public const int MaximumPasswordBytes = 1024;

    /// <summary>Characters; a shorter password is accepted and warned of.</summary>
    public const int WeakBelow = 10;

    public static ImmutableArray<Finding> CheckUsername(string username)
    {
        if (username.Length == 0 || Encoding.UTF8.GetByteCount(username) > MaximumUsernameBytes)
        {
            return [Findings.Error("username.length", "username", $"A username has 1 to {MaximumUsernameBytes} bytes.")];
        }

        // "." and ".." cannot be written in a URL path; control characters are refused by MQTT 5.0, section 1.5.4 (should not).
        return username is "." or ".." || username.Any(char.IsControl)
            ? [Findings.Error("username.characters", "username", "A username has no control characters, and is not . or ..")]
            : [];
    }

    public static ImmutableArray<Finding> CheckPassword(string username, string password)
    {
        if (password.Length == 0 || Encoding.UTF8.GetByteCount(password) > MaximumPasswordBytes)
        {
            return [Findings.Error("password.length", "password", $"A password has 1 to {MaximumPasswordBytes} bytes.")];
        }

        return password.Length < WeakBelow || string.Equals(password, username, StringComparison.OrdinalIgnoreCase)
            ? [Findings.Warning("password.weak", "password", $"The password is short or the username; {WeakBelow} characters or more are better.", "Leave the password out to get a generated one.")]
            : [];
    }
}
