using Orleans.Concurrency;

namespace Chariot.Abstractions.Access;

/// <summary>One MQTT credential, keyed by username. Written only by the configuration grain, which owns the revision.</summary>
[Alias("chariot.credential-grain.v1")]
public interface ICredentialGrain : IGrainWithStringKey
{
    /// <summary>The committed record, or null when there is none.</summary>
    [Alias("Get"), AlwaysInterleave] ValueTask<CredentialRecord?> GetAsync();

    /// <summary>Commits <paramref name="record"/>; null deletes it.</summary>
    [Alias("Put")] ValueTask PutAsync(CredentialRecord? record);
}
