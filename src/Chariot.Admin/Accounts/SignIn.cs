using System.Net;
using Chariot.Abstractions.Accounts;
using Chariot.Admin.Audit;

namespace Chariot.Admin.Accounts;

/// <summary>A sign-in that succeeded. The token is known to its holder only.</summary>
internal sealed record SignedIn(string Token, TimeSpan Lifetime, Account Account)
{
    public override string ToString() => $"sign-in of {Account.Username}";
}

/// <summary>Signing in and out, and changing one's own password.</summary>
internal sealed class SignIn(AdminGrains grains, PasswordChecks checks, LoginThrottle throttle, AuditTrail audit, TimeProvider time)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(90);

    // One answer for unknown name and wrong password.
    private static readonly Refusal Refused = new(401, "not-signed-in", "Username or password is wrong.");

    private static readonly Refusal Busy = new(429, "too-many-attempts", "Too many sign-ins at once. Try again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    public async Task<Act<SignedIn>> SignInAsync(string username, string password, IPAddress? address)
    {
        var actor = new Actor(AccountRules.Label(username), address?.ToString() ?? "");
        if (throttle.WaitFor(address, username) is { } wait)
        {
            return TooMany(wait);
        }

        if (username.Length > AccountRules.MaximumUsername || password.Length > AccountRules.MaximumPassword)
        {
            throttle.Failed(address, username);
            return Refused;
        }

        var found = await grains.Accounts.FindVerifierAsync(username);
        // Asked again when its turn comes: attempts sent all at once would otherwise all be free.
        var verified = await checks.VerifyAsync(found?.PasswordVerifier, password, () => throttle.WaitFor(address, username) is null);
        if (verified is null)
        {
            return throttle.WaitFor(address, username) is { } since ? TooMany(since) : Busy;
        }

        var token = Tokens.Create();
        if (verified != true
            || await grains.Accounts.SignInAsync(username, found!.SecurityStamp, Tokens.Hash(token), time.GetUtcNow() + Lifetime) != AccountOutcome.Applied)
        {
            throttle.Failed(address, username);
            await audit.NoteAsync(actor, "account.sign-in", actor.Name, "not-signed-in");
            return Refused;
        }

        throttle.Succeeded(address, username);
        await audit.NoteAsync(actor, "account.sign-in", actor.Name, "applied");
        return Act<SignedIn>.Done(new SignedIn(token, Lifetime, found.Account));
    }

    public async Task SignOutAsync(string token, Actor actor)
    {
        await grains.Accounts.SignOutAsync(Tokens.Hash(token));
        await audit.NoteAsync(actor, "account.sign-out", actor.Name, "applied");
    }

    /// <summary>Every other sign-in of the account ends; the one of <paramref name="keptToken"/> goes on.</summary>
    public async Task<Act<bool>> ChangePasswordAsync(string username, string currentPassword, string newPassword, string? keptToken, IPAddress? address, Actor actor)
    {
        if (throttle.WaitFor(address, username) is { } wait)
        {
            return TooMany(wait);
        }

        var findings = AccountRules.CheckPassword(username, newPassword, "newPassword");
        if (newPassword == currentPassword)
        {
            findings = findings.Add(Findings.Error("password.unchanged", "newPassword", "The new password is the current one."));
        }

        if (!findings.IsEmpty)
        {
            return Refusal.Invalid("The new password is refused.", findings);
        }

        if (await grains.Accounts.FindVerifierAsync(username) is not { } found)
        {
            return Refusal.NotFound("The account is gone.");
        }

        var verified = await checks.VerifyAsync(found.PasswordVerifier, currentPassword, () => throttle.WaitFor(address, username) is null);
        if (verified is null)
        {
            return Busy;
        }

        if (verified == false)
        {
            throttle.Failed(address, username);
            await audit.NoteAsync(actor, "account.password", username, "wrong-password");
            return Refusal.Invalid("The current password is wrong.", [Findings.Error("password.wrong", "currentPassword", "The current password is wrong.")]);
        }

        if (await checks.CreateAsync(newPassword) is not { } verifier)
        {
            return Busy;
        }

        return await audit.RecordAsync<bool>(actor, "account.password", username, null, "password changed", async () =>
            await grains.Accounts.ChangePasswordAsync(username, found.SecurityStamp, verifier, keptToken is null ? null : Tokens.Hash(keptToken)) switch
            {
                AccountOutcome.Applied => Act<bool>.Done(true),
                AccountOutcome.NotFound => Refusal.NotFound("The account is gone."),
                _ => new Refusal(409, "account-changed", "The account was changed meanwhile. Sign in again."),
            });
    }

    private static Refusal TooMany(TimeSpan wait) =>
        new(429, "too-many-attempts", "Too many failed attempts. Wait before the next one.") { RetryAfter = wait };
}
