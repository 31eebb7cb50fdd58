using Chariot.Cluster.Stores.Postgres;
using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Cluster.Tests.Stores;

[Collection(PostgresTests.Name)]
public sealed class PostgresGrainStorageTests(PostgresFixture postgres) : GrainStorageTests
{
    private protected override async Task AddStoreAsync(IServiceCollection services)
    {
        var store = await PostgresStore.OpenAsync(await postgres.CreateDatabaseAsync(), new RecordingLogger());
        services.AddPostgresStore(store, "test").AddPostgresGrainStorage(store);
    }
}
