namespace Chariot.Abstractions.Accounts;

/// <summary>What someone may do with the admin API.</summary>
[GenerateSerializer, Alias("chariot.account-role.v1")]
public enum AccountRole : byte
{
    /// <summary>Reads and changes everything.</summary>
    Administrator,
    /// <summary>Reads; changes nothing but its own password.</summary>
    Viewer,
}

/// <summary>How a change of the accounts ended.</summary>
[GenerateSerializer, Alias("chariot.account-outcome.v1")]
public enum AccountOutcome : byte
{
    Applied,
    NotFound,
    /// <summary>409 account-exists.</summary>
    Exists,
    /// <summary>409 last-administrator.</summary>
    LastAdministrator,
    /// <summary>The account changed since its security stamp was read.</summary>
    Conflict,
    /// <summary>409 too-many: <see cref="IAccountsGrain.Capacity"/> is reached.</summary>
    Full,
}

/// <summary>An account as it may be shown.</summary>
[GenerateSerializer, Immutable, Alias("chariot.account.v1")]
public sealed record Account(
    [property: Id(0)] string Username,
    [property: Id(1)] AccountRole Role,
    [property: Id(2)] bool MustChangePassword);

/// <summary>What a password is checked against. <see cref="SecurityStamp"/> changes with password and role.</summary>
[GenerateSerializer, Immutable, Alias("chariot.account-verifier.v1")]
public sealed record AccountVerifier(
    [property: Id(0)] Account Account,
    [property: Id(1)] string PasswordVerifier,
    [property: Id(2)] string SecurityStamp)
{
    /// <summary>Never shows the verifier.</summary>
    public override string ToString() => $"verifier of account {Account.Username}";
}

/// <summary>An account to create. Username: 1 to 64 characters.</summary>
[GenerateSerializer, Immutable, Alias("chariot.new-account.v1")]
public sealed record NewAccount(
    [property: Id(0)] string Username,
    [property: Id(1)] AccountRole Role,
    [property: Id(2)] string PasswordVerifier,
    [property: Id(3)] bool MustChangePassword)
{
    /// <summary>Never shows the verifier.</summary>
    public override string ToString() => $"new account {Username}";
}

/// <summary>An API token as it may be shown; the token itself is known to its holder only.</summary>
/// <param name="LastUsedAt">To within five minutes.</param>
[GenerateSerializer, Immutable, Alias("chariot.api-token.v1")]
public sealed record ApiToken(
    [property: Id(0)] string Id,
    [property: Id(1)] string Name,
    [property: Id(2)] AccountRole Role,
    [property: Id(3)] DateTimeOffset CreatedAt,
    [property: Id(4)] DateTimeOffset ExpiresAt,
    [property: Id(5)] DateTimeOffset? LastUsedAt);

/// <summary>Who presents a token.</summary>
/// <param name="Name">Username of a sign-in, name of an API token.</param>
/// <param name="TokenId">Id of an API token; null for a sign-in.</param>
/// <param name="LastUsedAt">For an API token; see <see cref="ApiToken"/>.</param>
[GenerateSerializer, Immutable, Alias("chariot.token-identity.v1")]
public sealed record TokenIdentity(
    [property: Id(0)] string Name,
    [property: Id(1)] AccountRole Role,
    [property: Id(2)] bool MustChangePassword,
    [property: Id(3)] string? TokenId,
    [property: Id(4)] DateTimeOffset? LastUsedAt);
