using Chariot.Abstractions.Access;
using Chariot.Abstractions.Accounts;
using Microsoft.Extensions.Logging;

namespace Chariot.Admin.Accounts;

/// <summary>Makes the account <c>admin</c> when there is no account at all.</summary>
internal sealed partial class FirstAdministrator(AdminGrains grains, PasswordChecks checks, ILogger<FirstAdministrator> logger)
{
    public const string Username = "admin";

    /// <summary>Environment variable that gives the first administrator's password.</summary>
    public const string PasswordVariable = "CHARIOT_ADMIN_PASSWORD";

    /// <param name="given">The password from the environment; null or empty for a random one.</param>
    /// <param name="output">Where a random password is shown, once. Never the log: logs are kept and shipped.</param>
    public async Task EnsureAsync(string? given, TextWriter output)
    {
        if (await grains.Accounts.HasAccountsAsync())
        {
            if (!string.IsNullOrEmpty(given))
            {
                LogIgnored(PasswordVariable);
            }

            return;
        }

        var random = string.IsNullOrEmpty(given);
        var password = random ? PasswordVerifier.GeneratePassword() : given!;
        var findings = AccountRules.CheckPassword(Username, password, PasswordVariable);
        if (!findings.IsEmpty)
        {
            throw new InvalidOperationException($"{PasswordVariable} cannot be used. {findings[0].Message}");
        }

        var verifier = await checks.CreateAsync(password) ?? throw new InvalidOperationException("The first administrator's password could not be hashed.");
        if (!await grains.Accounts.InitializeAsync(new NewAccount(Username, AccountRole.Administrator, verifier, MustChangePassword: random)))
        {
            // Another node was first; its password counts.
            LogIgnored(PasswordVariable);
            return;
        }

        LogCreated(Username);
        if (random)
        {
            await output.WriteLineAsync($"Administrator '{Username}', one-time password (shown this once, to be changed at the first sign-in): {password}");
            await output.FlushAsync();
        }
    }

    [LoggerMessage(4030, LogLevel.Information, "Accounts exist already; {Variable} of this node is ignored")]
    private partial void LogIgnored(string variable);

    [LoggerMessage(4031, LogLevel.Information, "Created the first administrator, {Username}")]
    private partial void LogCreated(string username);
}
