using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Messaging;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>Gateways for an Orleans client, from the membership document.</summary>
internal sealed class AzureGatewayListProvider(AzureMembershipTable table, IOptions<GatewayOptions> options) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => options.Value.GatewayListRefreshPeriod;

    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    public Task<IList<Uri>> GetGateways() => table.GetGatewaysAsync();
}
