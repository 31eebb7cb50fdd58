using Chariot.Abstractions.Access;
using Chariot.Abstractions.Configuration;

namespace Chariot.Cluster.Configuration;

/// <summary>Where <see cref="ConfigurationFeed"/> reads what is committed.</summary>
internal interface IConfigurationSource
{
    Task<ConfigurationUpdate> GetUpdateAsync(long sinceRevision);

    /// <summary>As <see cref="GetUpdateAsync"/>; the answer says whether this silo's lease is renewed from the moment of asking.</summary>
    Task<LeaseAnswer> RenewLeaseAsync(long sinceRevision);

    Task<CredentialRecord?> GetCredentialAsync(string username);

    Task<ClientTrust> GetClientTrustAsync();
}
