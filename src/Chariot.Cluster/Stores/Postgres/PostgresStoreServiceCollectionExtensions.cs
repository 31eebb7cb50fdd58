using Chariot.Abstractions.Stores;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Runtime.Hosting;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace Chariot.Cluster.Stores.Postgres;

/// <summary>Registers a store on PostgreSQL that has been opened.</summary>
internal static class PostgresStoreServiceCollectionExtensions
{
    private const string Invariant = "Npgsql";

    /// <summary>Name of Orleans' own provider, behind <see cref="StateNames.Provider"/>.</summary>
    private const string InnerProvider = "chariot-adonet";

    /// <summary>Messages, the audit log, maintenance and bulk reads of grain state: for silos and for Orleans clients.</summary>
    public static IServiceCollection AddPostgresStore(this IServiceCollection services, PostgresStore store, string serviceId)
    {
        // By a factory, so that the container commits what is queued when it is disposed.
        services.AddSingleton(_ => store);
        services.AddSingleton<IMessageStore>(static provider => provider.GetRequiredService<PostgresStore>());
        services.AddSingleton<IStoreMaintenance>(static provider => provider.GetRequiredService<PostgresStore>());
        services.AddSingleton<IAuditLog, PostgresAuditLog>();
        services.AddSingleton<IGrainStateIndex>(provider => new PostgresGrainStateIndex(provider.GetRequiredService<PostgresStore>(), Serializer(provider), serviceId));
        return services;
    }

    /// <summary>Membership, grain state and reminders through Orleans' ADO.NET providers.</summary>
    public static ISiloBuilder UsePostgres(this ISiloBuilder silo, PostgresStore store)
    {
        silo.UseAdoNetClustering(options => (options.Invariant, options.DataSource) = (Invariant, store.Source));
        silo.UseAdoNetReminderService(options => (options.Invariant, options.DataSource) = (Invariant, store.Source));
        silo.Services.AddPostgresGrainStorage(store);
        return silo;
    }

    /// <summary>Finds gateways through the membership table.</summary>
    public static IClientBuilder UsePostgres(this IClientBuilder client, PostgresStore store) =>
        client.UseAdoNetClustering(options => (options.Invariant, options.DataSource) = (Invariant, store.Source));

    /// <summary>Grain state alone, under <see cref="StateNames.Provider"/>.</summary>
    public static IServiceCollection AddPostgresGrainStorage(this IServiceCollection services, PostgresStore store)
    {
        services.AddAdoNetGrainStorage(InnerProvider, builder => builder.Configure<IServiceProvider>((options, provider) =>
        {
            (options.Invariant, options.DataSource) = (Invariant, store.Source);
            options.GrainStorageSerializer = Serializer(provider);
            options.DeleteStateOnClear = true;
        }));
        services.AddGrainStorage(StateNames.Provider, static (provider, _) => new PostgresGrainStorage(
            provider.GetRequiredKeyedService<IGrainStorage>(InnerProvider), provider.GetRequiredService<IActivatorProvider>()));
        return services;
    }

    /// <summary>Orleans' own format: [Id] and [Alias] let old and new versions read each other's state.</summary>
    private static OrleansGrainStorageSerializer Serializer(IServiceProvider provider) => new(provider.GetRequiredService<Orleans.Serialization.Serializer>());
}
