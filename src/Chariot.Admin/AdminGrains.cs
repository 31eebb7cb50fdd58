using Chariot.Abstractions.Access;
using Chariot.Abstractions.Accounts;
using Chariot.Abstractions.Configuration;

namespace Chariot.Admin;

/// <summary>The grains that the admin host talks to.</summary>
internal sealed class AdminGrains(IGrainFactory grains)
{
    public IConfigurationGrain Configuration => grains.GetGrain<IConfigurationGrain>(IConfigurationGrain.Key);

    public IAccountsGrain Accounts => grains.GetGrain<IAccountsGrain>(IAccountsGrain.Key);

    public ICredentialGrain Credential(string username) => grains.GetGrain<ICredentialGrain>(username);
}
