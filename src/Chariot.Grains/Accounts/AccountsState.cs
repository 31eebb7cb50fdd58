using Chariot.Abstractions.Accounts;

namespace Chariot.Grains.Accounts;

/// <summary>What is persisted of the accounts. Tokens are kept by their SHA-256, in lower-case hex.</summary>
[GenerateSerializer, Alias("chariot.accounts-state.v1")]
internal sealed class AccountsState
{
    [Id(0)] public Dictionary<string, StoredAccount> Accounts { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Sign-ins by token hash.</summary>
    [Id(1)] public Dictionary<string, StoredSignIn> SignIns { get; set; } = new(StringComparer.Ordinal);

    /// <summary>API tokens by token hash.</summary>
    [Id(2)] public Dictionary<string, ApiToken> Tokens { get; set; } = new(StringComparer.Ordinal);
}

[GenerateSerializer, Immutable, Alias("chariot.stored-account.v1")]
internal sealed record StoredAccount(
    [property: Id(0)] AccountRole Role,
    [property: Id(1)] string PasswordVerifier,
    [property: Id(2)] string SecurityStamp,
    [property: Id(3)] bool MustChangePassword)
{
    /// <summary>Never shows the verifier.</summary>
    public override string ToString() => $"{Role} account";
}

/// <summary>Ends with its time, or when the account's stamp is another one.</summary>
[GenerateSerializer, Immutable, Alias("chariot.stored-sign-in.v1")]
internal sealed record StoredSignIn(
    [property: Id(0)] string Username,
    [property: Id(1)] string SecurityStamp,
    [property: Id(2)] DateTimeOffset ExpiresAt);
