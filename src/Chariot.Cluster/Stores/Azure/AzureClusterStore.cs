using Chariot.Abstractions.Stores;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Messaging;
using Orleans.Runtime.Hosting;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Chariot.Cluster.Stores.Azure;

/// <summary>
/// Registers a store on Azure Storage that has been opened. Orleans' own Azure packages are not in the registry that this
/// project restores from; where they are, they go into the lines marked below (docs/adr/0012).
/// </summary>
internal sealed class AzureClusterStore(AzureStore store) : IClusterStore
{
    public long ProcessStart => store.ProcessStart;

    public void AddServices(IServiceCollection services)
    {
        // By a factory, so that the container commits what is queued when it is disposed.
        services.AddSingleton(_ => store);
        services.AddSingleton(store.Account);
        services.AddSingleton<IMessageStore>(static provider => provider.GetRequiredService<AzureStore>());
        services.AddSingleton<IStoreMaintenance>(static provider => provider.GetRequiredService<AzureStore>());
        services.AddSingleton<IAuditLog, AzureAuditLog>();
        services.AddSingleton<IGrainStateIndex>(static provider => new AzureGrainStateIndex(provider.GetRequiredService<AzureAccount>(), Serializer(provider)));
        services.AddSingleton<AzureMembershipTable>();
    }

    public void Use(ISiloBuilder silo)
    {
        // Microsoft.Orleans.Clustering.AzureStorage: silo.UseAzureStorageClustering(...).
        silo.Services.AddSingleton<IMembershipTable>(static provider => provider.GetRequiredService<AzureMembershipTable>());
        AddGrainStorage(silo.Services);
    }

    // Microsoft.Orleans.Clustering.AzureStorage: client.UseAzureStorageClustering(...).
    public void Use(IClientBuilder client) => client.Services.AddSingleton<IGatewayListProvider, AzureGatewayListProvider>();

    // Microsoft.Orleans.Persistence.AzureStorage: silo.AddAzureBlobGrainStorage(StateNames.Provider, ...), and a blob name that the index can list.
    public static void AddGrainStorage(IServiceCollection services) => services.AddGrainStorage(
        StateNames.Provider,
        static (provider, _) => new AzureGrainStorage(provider.GetRequiredService<AzureAccount>(), Serializer(provider), provider.GetRequiredService<IActivatorProvider>()));

    /// <summary>Orleans' own format: [Id] and [Alias] let old and new versions read each other's state.</summary>
    private static OrleansGrainStorageSerializer Serializer(IServiceProvider provider) => new(provider.GetRequiredService<Orleans.Serialization.Serializer>());
}
