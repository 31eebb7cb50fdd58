using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Configuration;

/// <summary>Reads from the grains, in a silo and in an Orleans client alike.</summary>
internal sealed class GrainConfigurationSource(IGrainFactory grains) : IConfigurationSource
{
    public async Task<ConfigurationUpdate> GetUpdateAsync(long sinceRevision) =>
        await grains.GetGrain<IConfigurationGrain>(IConfigurationGrain.Key).GetUpdateAsync(sinceRevision);

    public async Task<CredentialRecord?> GetCredentialAsync(string username) =>
        await grains.GetGrain<ICredentialGrain>(username).GetAsync();

    public async Task<ClientTrust> GetClientTrustAsync() =>
        await grains.GetGrain<IConfigurationGrain>(IConfigurationGrain.Key).GetClientTrustAsync();
}
