using System.Collections.Immutable;
using Orleans.Concurrency;

namespace Chariot.Abstractions.Accounts;

/// <summary>
/// The singleton (key <see cref="Key"/>) that owns the accounts of the admin API: people, their sign-ins and API tokens.
/// Passwords are hashed by the caller, so that no turn of this grain is slow; tokens are known by their SHA-256 only.
/// </summary>
[Alias("chariot.accounts.v1")]
public interface IAccountsGrain : IGrainWithStringKey
{
    public const string Key = "0";

    /// <summary>Most accounts, and most API tokens, that are kept.</summary>
    public const int Capacity = 1000;

    [Alias("HasAccounts"), AlwaysInterleave] ValueTask<bool> HasAccountsAsync();

    /// <summary>By username, ordinal.</summary>
    [Alias("GetAll"), AlwaysInterleave] ValueTask<ImmutableArray<Account>> GetAccountsAsync();

    [Alias("Find"), AlwaysInterleave] ValueTask<Account?> FindAccountAsync(string username);

    /// <summary>The verifier and the state of one account, to check a password against; null when there is none.</summary>
    [Alias("FindVerifier"), AlwaysInterleave] ValueTask<AccountVerifier?> FindVerifierAsync(string username);

    /// <summary>Commits the first account if there is none; returns whether this call did.</summary>
    [Alias("Initialize")] ValueTask<bool> InitializeAsync(NewAccount first);

    [Alias("Create")] ValueTask<AccountOutcome> CreateAccountAsync(NewAccount account);

    /// <summary>Changes role, password or both. Whatever changes, every sign-in of the account ends.</summary>
    [Alias("Update")] ValueTask<AccountOutcome> UpdateAccountAsync(string username, AccountRole? role, string? passwordVerifier, bool? mustChangePassword);

    [Alias("Delete")] ValueTask<AccountOutcome> DeleteAccountAsync(string username);

    /// <summary>
    /// Replaces all accounts; one of them must be an administrator. Sign-ins of accounts that are the same afterwards go on, all others end. API
    /// tokens stay as they are.
    /// </summary>
    [Alias("ReplaceAll")] ValueTask ReplaceAllAsync(ImmutableArray<NewAccount> accounts);

    /// <summary>
    /// An account's own change of its password: refused with <see cref="AccountOutcome.Conflict"/> when
    /// <paramref name="securityStamp"/> is no longer current. Every sign-in ends but that of <paramref name="keptTokenHash"/>.
    /// </summary>
    [Alias("ChangePassword")] ValueTask<AccountOutcome> ChangePasswordAsync(string username, string securityStamp, string passwordVerifier, byte[]? keptTokenHash);

    /// <summary>Starts a sign-in. Refused with <see cref="AccountOutcome.Conflict"/> when the stamp is no longer current.</summary>
    [Alias("SignIn")] ValueTask<AccountOutcome> SignInAsync(string username, string securityStamp, byte[] tokenHash, DateTimeOffset expiresAt);

    [Alias("SignOut")] ValueTask SignOutAsync(byte[] tokenHash);

    /// <summary>Who presents a token, by its SHA-256; null when unknown, expired or revoked.</summary>
    [Alias("Authenticate"), AlwaysInterleave] ValueTask<TokenIdentity?> AuthenticateAsync(byte[] tokenHash);

    /// <summary>By id, ordinal; expired ones included.</summary>
    [Alias("GetTokens"), AlwaysInterleave] ValueTask<ImmutableArray<ApiToken>> GetTokensAsync();

    [Alias("CreateToken")] ValueTask<AccountOutcome> CreateTokenAsync(ApiToken token, byte[] tokenHash);

    [Alias("DeleteToken")] ValueTask<AccountOutcome> DeleteTokenAsync(string id);

    /// <summary>Remembers that an API token was used just now.</summary>
    [Alias("TouchToken")] ValueTask TouchTokenAsync(string id);
}
