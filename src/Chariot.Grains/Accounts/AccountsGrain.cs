using System.Collections.Immutable;
using System.Security.Cryptography;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Stores;
using Orleans.Runtime;

namespace Chariot.Grains.Accounts;

/// <summary>
/// Accounts, sign-ins and API tokens. A change is made on a copy and becomes visible when it is committed, so that reads,
/// which interleave, never see what may still be refused by the store.
/// </summary>
internal sealed class AccountsGrain(
    [PersistentState(StateNames.Accounts, StateNames.Provider)] IPersistentState<AccountsState> store,
    TimeProvider time) : Grain, IAccountsGrain
{
    /// <summary>Sign-ins of one account at a time; the one that ends first gives way.</summary>
    internal const int MaximumSignIns = 100;

    private AccountsState _committed = new();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _committed = Copy(store.State);
        return Task.CompletedTask;
    }

    public ValueTask<bool> HasAccountsAsync() => ValueTask.FromResult(_committed.Accounts.Count > 0);

    public ValueTask<ImmutableArray<Account>> GetAccountsAsync() => ValueTask.FromResult<ImmutableArray<Account>>(
        [.. _committed.Accounts.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => Show(a.Key, a.Value))]);

    public ValueTask<Account?> FindAccountAsync(string username) =>
        ValueTask.FromResult(_committed.Accounts.TryGetValue(username, out var account) ? Show(username, account) : null);

    public ValueTask<AccountVerifier?> FindVerifierAsync(string username) => ValueTask.FromResult(
        _committed.Accounts.TryGetValue(username, out var account)
            ? new AccountVerifier(Show(username, account), account.PasswordVerifier, account.SecurityStamp)
            : null);

    public async ValueTask<bool> InitializeAsync(NewAccount first)
    {
        if (_committed.Accounts.Count > 0)
        {
            return false;
        }

        return await CreateAccountAsync(first) == AccountOutcome.Applied;
    }

    public async ValueTask<AccountOutcome> CreateAccountAsync(NewAccount account)
    {
        if (_committed.Accounts.ContainsKey(account.Username))
        {
            return AccountOutcome.Exists;
        }

        if (_committed.Accounts.Count >= IAccountsGrain.Capacity)
        {
            return AccountOutcome.Full;
        }

        await CommitAsync(state => state.Accounts[account.Username] =
            new StoredAccount(account.Role, account.PasswordVerifier, NewStamp(), account.MustChangePassword));
        return AccountOutcome.Applied;
    }

    public async ValueTask<AccountOutcome> UpdateAccountAsync(string username, AccountRole? role, string? passwordVerifier, bool? mustChangePassword)
    {
        if (!_committed.Accounts.TryGetValue(username, out var account))
        {
            return AccountOutcome.NotFound;
        }

        if (role is not null and not AccountRole.Administrator && IsLastAdministrator(account))
        {
            return AccountOutcome.LastAdministrator;
        }

        await CommitAsync(state => state.Accounts[username] = new StoredAccount(
            role ?? account.Role,
            passwordVerifier ?? account.PasswordVerifier,
            NewStamp(),
            mustChangePassword ?? account.MustChangePassword));
        return AccountOutcome.Applied;
    }

    public async ValueTask<AccountOutcome> DeleteAccountAsync(string username)
    {
        if (!_committed.Accounts.TryGetValue(username, out var account))
        {
            return AccountOutcome.NotFound;
        }

        if (IsLastAdministrator(account))
        {
            return AccountOutcome.LastAdministrator;
        }

        await CommitAsync(state => state.Accounts.Remove(username));
        return AccountOutcome.Applied;
    }

    public async ValueTask ReplaceAllAsync(ImmutableArray<NewAccount> accounts)
    {
        if (!accounts.Any(account => account.Role == AccountRole.Administrator) || accounts.Length > IAccountsGrain.Capacity)
        {
            throw new ArgumentException("One account must be an administrator, and there is a limit to their number.", nameof(accounts));
        }

        await CommitAsync(state =>
        {
            state.Accounts.Clear();
            foreach (var account in accounts)
            {
                state.Accounts[account.Username] = _committed.Accounts.TryGetValue(account.Username, out var same) && IsSame(same, account)
                    ? same
                    : new StoredAccount(account.Role, account.PasswordVerifier, NewStamp(), account.MustChangePassword);
            }
        });

        static bool IsSame(StoredAccount stored, NewAccount account) =>
            stored.Role == account.Role && stored.PasswordVerifier == account.PasswordVerifier && stored.MustChangePassword == account.MustChangePassword;
    }

    public async ValueTask<AccountOutcome> ChangePasswordAsync(string username, string securityStamp, string passwordVerifier, byte[]? keptTokenHash)
    {
        if (!_committed.Accounts.TryGetValue(username, out var account))
        {
            return AccountOutcome.NotFound;
        }

        if (account.SecurityStamp != securityStamp)
        {
            return AccountOutcome.Conflict;
        }

        await CommitAsync(state =>
        {
            var stamp = NewStamp();
            state.Accounts[username] = new StoredAccount(account.Role, passwordVerifier, stamp, MustChangePassword: false);
            if (keptTokenHash is not null && state.SignIns.TryGetValue(KeyOf(keptTokenHash), out var kept) && kept.Username == username)
            {
                state.SignIns[KeyOf(keptTokenHash)] = kept with { SecurityStamp = stamp };
            }
        });
        return AccountOutcome.Applied;
    }

    public async ValueTask<AccountOutcome> SignInAsync(string username, string securityStamp, byte[] tokenHash, DateTimeOffset expiresAt)
    {
        if (!_committed.Accounts.TryGetValue(username, out var account) || account.SecurityStamp != securityStamp)
        {
            return AccountOutcome.Conflict;
        }

        await CommitAsync(state =>
        {
            var own = state.SignIns.Where(s => s.Value.Username == username).OrderBy(s => s.Value.ExpiresAt).ToList();
            foreach (var surplus in own.Take(own.Count - (MaximumSignIns - 1)))
            {
                state.SignIns.Remove(surplus.Key);
            }

            state.SignIns[KeyOf(tokenHash)] = new StoredSignIn(username, securityStamp, expiresAt);
        });
        return AccountOutcome.Applied;
    }

    public async ValueTask SignOutAsync(byte[] tokenHash)
    {
        if (_committed.SignIns.ContainsKey(KeyOf(tokenHash)))
        {
            await CommitAsync(state => state.SignIns.Remove(KeyOf(tokenHash)));
        }
    }

    public ValueTask<TokenIdentity?> AuthenticateAsync(byte[] tokenHash)
    {
        var key = KeyOf(tokenHash);
        if (_committed.Tokens.TryGetValue(key, out var token) && token.ExpiresAt > time.GetUtcNow())
        {
            return ValueTask.FromResult<TokenIdentity?>(new TokenIdentity(token.Name, token.Role, MustChangePassword: false, token.Id, token.LastUsedAt));
        }

        return _committed.SignIns.TryGetValue(key, out var signIn) && IsCurrent(_committed, signIn)
            ? ValueTask.FromResult<TokenIdentity?>(new TokenIdentity(
                signIn.Username,
                _committed.Accounts[signIn.Username].Role,
                _committed.Accounts[signIn.Username].MustChangePassword,
                TokenId: null,
                LastUsedAt: null))
            : ValueTask.FromResult<TokenIdentity?>(null);
    }

    public ValueTask<ImmutableArray<ApiToken>> GetTokensAsync() =>
        ValueTask.FromResult<ImmutableArray<ApiToken>>([.. _committed.Tokens.Values.OrderBy(t => t.Id, StringComparer.Ordinal)]);

    public async ValueTask<AccountOutcome> CreateTokenAsync(ApiToken token, byte[] tokenHash)
    {
        if (_committed.Tokens.Count >= IAccountsGrain.Capacity)
        {
            return AccountOutcome.Full;
        }

        await CommitAsync(state => state.Tokens[KeyOf(tokenHash)] = token);
        return AccountOutcome.Applied;
    }

    public async ValueTask<AccountOutcome> DeleteTokenAsync(string id)
    {
        if (FindTokenKey(id) is not { } key)
        {
            return AccountOutcome.NotFound;
        }

        await CommitAsync(state => state.Tokens.Remove(key));
        return AccountOutcome.Applied;
    }

    public async ValueTask TouchTokenAsync(string id)
    {
        if (FindTokenKey(id) is { } key)
        {
            await CommitAsync(state => state.Tokens[key] = state.Tokens[key] with { LastUsedAt = time.GetUtcNow() });
        }
    }

    private async Task CommitAsync(Action<AccountsState> change)
    {
        var next = Copy(_committed);
        change(next);
        foreach (var ended in next.SignIns.Where(s => !IsCurrent(next, s.Value)).Select(s => s.Key).ToList())
        {
            next.SignIns.Remove(ended);
        }

        store.State = next;
        try
        {
            await store.WriteStateAsync();
        }
        catch
        {
            // The write may have landed although its answer was lost: a new activation reads what is really there.
            DeactivateOnIdle();
            throw;
        }

        _committed = next;
    }

    private bool IsCurrent(AccountsState state, StoredSignIn signIn) =>
        signIn.ExpiresAt > time.GetUtcNow()
        && state.Accounts.TryGetValue(signIn.Username, out var account)
        && account.SecurityStamp == signIn.SecurityStamp;

    private bool IsLastAdministrator(StoredAccount account) =>
        account.Role == AccountRole.Administrator && _committed.Accounts.Values.Count(a => a.Role == AccountRole.Administrator) == 1;

    private string? FindTokenKey(string id) => _committed.Tokens.FirstOrDefault(t => t.Value.Id == id).Key;

    private static Account Show(string username, StoredAccount account) => new(username, account.Role, account.MustChangePassword);

    private static string KeyOf(byte[] tokenHash) => Convert.ToHexStringLower(tokenHash);

    private static string NewStamp() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    // The comparers are stated again, because a stored dictionary comes back with the default one.
    private static AccountsState Copy(AccountsState from) => new()
    {
        Accounts = new(from.Accounts, StringComparer.Ordinal),
        SignIns = new(from.SignIns, StringComparer.Ordinal),
        Tokens = new(from.Tokens, StringComparer.Ordinal),
    };
}
