using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;
using Orleans.Runtime;

namespace Chariot.Cluster.Configuration;

/// <summary>Reads from the grains, in a silo and in an Orleans client alike.</summary>
internal sealed class GrainConfigurationSource(IGrainFactory grains, ILocalSiloDetails? silo = null) : IConfigurationSource
{
    public async Task<ConfigurationUpdate> GetUpdateAsync(long sinceRevision) =>
        await grains.GetGrain<IConfigurationGrain>(IConfigurationGrain.Key).GetUpdateAsync(sinceRevision);

    public async Task<LeaseAnswer> RenewLeaseAsync(long sinceRevision)
    {
        if (silo is null)
        {
            // An Orleans client serves no MQTT client; it only wants to be up to date.
            return new LeaseAnswer(await GetUpdateAsync(sinceRevision), true);
        }

        return await grains.GetGrain<IConfigurationGrain>(IConfigurationGrain.Key).RenewLeaseAsync(silo.SiloAddress, sinceRevision);
    }

    public async Task<CredentialRecord?> GetCredentialAsync(string username) =>
        await grains.GetGrain<ICredentialGrain>(username).GetAsync();

    public async Task<ClientTrust> GetClientTrustAsync() =>
        await grains.GetGrain<IConfigurationGrain>(IConfigurationGrain.Key).GetClientTrustAsync();
}
