using Microsoft.Extensions.DependencyInjection;

namespace Chariot.Cluster.Stores.Postgres;

/// <inheritdoc cref="IClusterStore"/>
internal sealed class PostgresClusterStore(PostgresStore store, string clusterId) : IClusterStore
{
    public long ProcessStart => store.ProcessStart;

    public void AddServices(IServiceCollection services) => services.AddPostgresStore(store, clusterId);

    public void Use(ISiloBuilder silo) => silo.UsePostgres(store);

    public void Use(IClientBuilder client) => client.UsePostgres(store);
}
