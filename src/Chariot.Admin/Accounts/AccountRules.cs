using System.Collections.Immutable;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin.Accounts;

/// <summary>What an account's name and password may be.</summary>
internal static class AccountRules
{
    /// <summary>Characters.</summary>
    public const int MaximumUsername = 64;

    /// <summary>Characters.</summary>
    public const int MinimumPassword = 10;

    /// <summary>Characters; beyond it hashing would cost the broker more than the caller.</summary>
    public const int MaximumPassword = 1024;

    public static ImmutableArray<Finding> CheckUsername(string username)
    {
        if (username.Length is 0 or > MaximumUsername)
        {
            return [Findings.Error("username.length", "username", $"A username has 1 to {MaximumUsername} characters.")];
        }

        return username is "." or ".." || username.Any(c => char.IsControl(c) || c is '/' or '\\' or ':')
            ? [Findings.Error("username.characters", "username", "A username has no control characters, slashes or colons.")]
            : [];
    }

    public static ImmutableArray<Finding> CheckPassword(string username, string password, string field)
    {
        if (password.Length is < MinimumPassword or > MaximumPassword)
        {
            return [Findings.Error("password.length", field, $"A password has {MinimumPassword} to {MaximumPassword} characters.")];
        }

        return string.Equals(password, username, StringComparison.OrdinalIgnoreCase)
            ? [Findings.Error("password.is-username", field, "The password must not be the username.")]
            : [];
    }

    /// <summary>A name as given by a stranger, fit for the audit log: short, and without control characters.</summary>
    public static string Label(string name)
    {
        var cut = name.Length <= MaximumUsername ? name : name[..MaximumUsername];
        return string.Concat(cut.Select(c => char.IsControl(c) ? '\uFFFD' : c));
    }
}
