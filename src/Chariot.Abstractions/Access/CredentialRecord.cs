using System.Collections.Immutable;

namespace Chariot.Abstractions.Access;

/// <summary>
/// One MQTT credential as stored: a password verifier (never a password) and two ACLs in the syntax of
/// <see cref="AccessControlList"/>. An empty ACL grants nothing.
/// </summary>
[GenerateSerializer, Immutable, Alias("chariot.credential.v1")]
public sealed record CredentialRecord(
    [property: Id(0)] string Username,
    [property: Id(1)] string PasswordVerifier,
    [property: Id(2)] ImmutableArray<string> PublishAcl,
    [property: Id(3)] ImmutableArray<string> SubscribeAcl,
    [property: Id(4)] bool Enabled,
    [property: Id(5)] long Revision)
{
    /// <summary>No credential: what storage providers make for a record that does not exist. Grants nothing.</summary>
    public CredentialRecord()
        : this("", "", [], [], false, 0)
    {
    }

    /// <summary>Never shows the verifier.</summary>
    public override string ToString() => $"credential {Username} revision {Revision}";
}
