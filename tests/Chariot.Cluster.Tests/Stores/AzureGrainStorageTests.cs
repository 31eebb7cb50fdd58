using Chariot.Cluster.Stores.Azure;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Cluster.Tests.Stores;

[Collection(AzureTests.Name)]
public sealed class AzureGrainStorageTests(AzureFixture azure) : GrainStorageTests
{
    private protected override int Grains => 10;

    private protected override async Task AddStoreAsync(IServiceCollection services)
    {
        var store = await AzureStore.OpenAsync(azure.Server.ConnectionString, azure.NextClusterId(), new RecordingLogger());
        new AzureClusterStore(store).AddServices(services);
        AzureClusterStore.AddGrainStorage(services);
    }
}
