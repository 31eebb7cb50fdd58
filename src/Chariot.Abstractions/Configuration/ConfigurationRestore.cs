using System.Collections.Immutable;
using Chariot.Abstractions.Access;
using Chariot.Abstractions.Accounts;

namespace Chariot.Abstractions.Configuration;

/// <summary>Everything that is configured, as a backup had it, and validated. Revisions are given where it is restored.</summary>
[GenerateSerializer, Immutable, Alias("chariot.configuration-restore.v1")]
public sealed record ConfigurationRestore
{
    [Id(0)] public required MqttSettings Mqtt { get; init; }
    [Id(1)] public required TlsSettings Tls { get; init; }
    [Id(2)] public required AdminSettings Admin { get; init; }

    /// <summary>All credentials that there are afterwards; each with its verifier.</summary>
    [Id(3)] public ImmutableArray<CredentialChange> Credentials { get; init; } = [];

    /// <summary>Credentials that there are now and are not among <see cref="Credentials"/>.</summary>
    [Id(4)] public ImmutableArray<string> RemovedCredentials { get; init; } = [];

    [Id(5)] public required ClientTrust ClientTrust { get; init; }

    /// <summary>Set up, or in place of what is set up; null leaves SSL as it is.</summary>
    [Id(6)] public SslConfiguration? Ssl { get; init; }

    /// <summary>All accounts that there are afterwards.</summary>
    [Id(7)] public ImmutableArray<NewAccount> Accounts { get; init; } = [];

    /// <summary>The revision that was looked at; refused when another one is in force.</summary>
    [Id(8)] public required long ExpectedRevision { get; init; }

    /// <summary>Whether a certificate that is set up may be replaced.</summary>
    [Id(9)] public bool Replace { get; init; }

    /// <summary>Never shows a verifier.</summary>
    public override string ToString() => $"restore of {Credentials.Length} credentials and {Accounts.Length} accounts";
}
