using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Configuration;

/// <summary>Where <see cref="ConfigurationFeed"/> reads what is committed.</summary>
internal interface IConfigurationSource
{
    Task<ConfigurationUpdate> GetUpdateAsync(long sinceRevision);

    Task<CredentialRecord?> GetCredentialAsync(string username);

    Task<ClientTrust> GetClientTrustAsync();
}
