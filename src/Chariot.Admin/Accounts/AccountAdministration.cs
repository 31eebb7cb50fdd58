using System.Collections.Immutable;
using System.Security.Cryptography;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;
using Chariot.Admin.Audit;

namespace Chariot.Admin.Accounts;

/// <summary>An API token just made; the only time that the token itself is shown.</summary>
internal sealed record NewToken(ApiToken Token, string Secret)
{
    public override string ToString() => $"API token {Token.Id}";
}

/// <summary>Creates, changes and removes accounts and API tokens.</summary>
internal sealed class AccountAdministration(AdminGrains grains, PasswordChecks checks, AuditTrail audit, TimeProvider time)
{
    private static readonly TimeSpan LongestToken = TimeSpan.FromDays(366);
    private static readonly TimeSpan DefaultToken = TimeSpan.FromDays(90);

    private static readonly Refusal Busy = new(429, "too-many-attempts", "Too many passwords are being hashed. Try again.") { RetryAfter = TimeSpan.FromSeconds(1) };

    public ValueTask<ImmutableArray<Account>> ListAsync() => grains.Accounts.GetAccountsAsync();

    public async Task<Act<Account>> FindAsync(string username) =>
        await grains.Accounts.FindAccountAsync(username) is { } account ? Act<Account>.Done(account) : NotFound(username);

    public async Task<Act<Account>> CreateAsync(string username, string? password, AccountRole? role, bool mustChangePassword, Actor actor)
    {
        var findings = AccountRules.CheckUsername(username)
            .AddRange(password is null ? [Findings.Error("password.missing", "password", "A password is needed.")] : AccountRules.CheckPassword(username, password, "password"));
        if (role is null)
        {
            findings = findings.Add(Findings.Error("role.missing", "role", "The role is administrator or viewer."));
        }

        if (!findings.IsEmpty)
        {
            return Refusal.Invalid("The account is refused.", findings);
        }

        if (await checks.CreateAsync(password!) is not { } verifier)
        {
            return Busy;
        }

        var account = new Account(username, role!.Value, mustChangePassword);
        return await audit.RecordAsync<Account>(actor, "account.create", username, null, new { Role = Roles.NameOf(account.Role) }, async () =>
            Map(await grains.Accounts.CreateAccountAsync(new NewAccount(username, account.Role, verifier, mustChangePassword)), account));
    }

    public async Task<Act<Account>> UpdateAsync(string username, string? password, AccountRole? role, bool? mustChangePassword, Actor actor)
    {
        if (await grains.Accounts.FindAccountAsync(username) is not { } before)
        {
            return NotFound(username);
        }

        string? verifier = null;
        if (password is not null)
        {
            var findings = AccountRules.CheckPassword(username, password, "password");
            if (!findings.IsEmpty)
            {
                return Refusal.Invalid("The password is refused.", findings);
            }

            verifier = await checks.CreateAsync(password);
            if (verifier is null)
            {
                return Busy;
            }
        }

        var after = new Account(username, role ?? before.Role, mustChangePassword ?? before.MustChangePassword);
        return await audit.RecordAsync<Account>(
            actor,
            "account.update",
            username,
            new { Role = Roles.NameOf(before.Role) },
            new { Role = Roles.NameOf(after.Role), Password = password is null ? "kept" : "changed" },
            async () => Map(await grains.Accounts.UpdateAccountAsync(username, role, verifier, mustChangePassword), after));
    }

    public async Task<Act<Account>> DeleteAsync(string username, Actor actor)
    {
        if (await grains.Accounts.FindAccountAsync(username) is not { } before)
        {
            return NotFound(username);
        }

        return await audit.RecordAsync<Account>(actor, "account.delete", username, new { Role = Roles.NameOf(before.Role) }, null, async () =>
            Map(await grains.Accounts.DeleteAccountAsync(username), before));
    }

    public ValueTask<ImmutableArray<ApiToken>> ListTokensAsync() => grains.Accounts.GetTokensAsync();

    public async Task<Act<NewToken>> CreateTokenAsync(string name, AccountRole? role, DateTimeOffset? expiresAt, Actor actor)
    {
        var now = time.GetUtcNow();
        var findings = ImmutableArray<Finding>.Empty;
        if (name.Length is 0 or > 100 || name.Any(char.IsControl))
        {
            findings = findings.Add(Findings.Error("name.length", "name", "A name has 1 to 100 characters, none of them control characters."));
        }

        if (role is null)
        {
            findings = findings.Add(Findings.Error("role.missing", "role", "The role is administrator or viewer."));
        }

        if (expiresAt <= now || expiresAt > now + LongestToken)
        {
            findings = findings.Add(Findings.Error("expires-at.range", "expiresAt", "A token ends in the future, within one year."));
        }

        if (!findings.IsEmpty)
        {
            return Refusal.Invalid("The token is refused.", findings);
        }

        var secret = Tokens.Create();
        var token = new ApiToken(
            RandomNumberGenerator.GetHexString(16, lowercase: true), name, role!.Value, now, (expiresAt ?? now + DefaultToken).ToUniversalTime(), LastUsedAt: null);
        return await audit.RecordAsync<NewToken>(
            actor,
            "token.create",
            token.Id,
            null,
            new { token.Name, Role = Roles.NameOf(token.Role), token.ExpiresAt },
            async () => await grains.Accounts.CreateTokenAsync(token, Tokens.Hash(secret)) == AccountOutcome.Applied
                ? Act<NewToken>.Done(new NewToken(token, secret))
                : new Refusal(409, "too-many", $"There are {IAccountsGrain.Capacity} tokens already."));
    }

    public async Task<Act<bool>> DeleteTokenAsync(string id, Actor actor)
    {
        if (!(await grains.Accounts.GetTokensAsync()).Any(t => t.Id == id))
        {
            return Refusal.NotFound("There is no such token.");
        }

        return await audit.RecordAsync<bool>(actor, "token.delete", id, null, null, async () =>
            await grains.Accounts.DeleteTokenAsync(id) == AccountOutcome.Applied ? Act<bool>.Done(true) : Refusal.NotFound("There is no such token."));
    }

    private static Refusal NotFound(string username) => Refusal.NotFound($"There is no account '{AccountRules.Label(username)}'.");

    private static Act<Account> Map(AccountOutcome outcome, Account account) => outcome switch
    {
        AccountOutcome.Applied => Act<Account>.Done(account),
        AccountOutcome.NotFound => NotFound(account.Username),
        AccountOutcome.Exists => new Refusal(409, "account-exists", $"There is an account '{account.Username}' already."),
        AccountOutcome.LastAdministrator => new Refusal(409, "last-administrator", "This is the last administrator. Make another one first."),
        AccountOutcome.Full => new Refusal(409, "too-many", $"There are {IAccountsGrain.Capacity} accounts already."),
        AccountOutcome.Conflict => Refusal.Stale,
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "Unknown outcome."),
    };
}
